"""Loss scaling: the scale grows, shrinks at an overflow, and stays in its bounds."""

from typing import Any

import jax.numpy as jnp
import pytest

import gradtx
from gradtx import dynamic_loss_scale
from tests.faults import PARAMS


class TestLossScaling:
    """Gradients of 1e-6 in float16, whose least number is 6e-8."""

    tx = dynamic_loss_scale(gradtx.identity(), 2.0**10, growth_interval=2)

    def states(self, gradients: list[float]) -> list[Any]:
        state = self.tx.init(jnp.float16(0.0))
        made = []
        for g in gradients:
            update, state = self.tx.update(jnp.float16(g), state)
            made.append((float(update), float(state.loss_scale), int(state.skipped)))
        return made

    def test_it_grows_after_an_interval_and_shrinks_at_an_overflow(self) -> None:
        assert self.states([1.0, 1.0, 1.0, jnp.inf, 1.0]) == [
            (2.0**-10, 2.0**10, 0),
            (2.0**-10, 2.0**11, 0),
            (2.0**-11, 2.0**11, 0),
            (0.0, 2.0**10, 1),
            (2.0**-10, 2.0**10, 1),
        ]

    def test_it_stays_in_its_bounds(self) -> None:
        tx = dynamic_loss_scale(gradtx.identity(), 2.0, growth_interval=1, max_scale=4.0)
        state = tx.init(jnp.float16(0.0))
        scales = []
        for g in [1.0, 1.0, *[jnp.nan] * 4]:
            _, state = tx.update(jnp.float16(g), state)
            scales.append(float(state.loss_scale))
        assert scales == [4.0, 4.0, 2.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("scales", "problem"),
    [
        (
            {"min_scale": 8.0, "max_scale": 4.0, "initial_scale": 8.0},
            "initial_scale must be at most max_scale",
        ),
        ({"min_scale": 2.0**16}, "min_scale must be at most initial_scale, got 65536 and 32768"),
        ({"initial_scale": 2.0**25}, "initial_scale must be at most max_scale"),
        ({"max_scale": jnp.inf}, "max_scale must be above 0 and at most"),
        ({"initial_scale": jnp.inf}, "initial_scale must be above 0 and at most"),
        (
            {"initial_scale": lambda t: 1.0, "min_scale": 2.0, "max_scale": 1.0},
            "min_scale must be at most max_sc",
        ),
    ],
)
def test_the_scales_are_in_order_and_finite(scales: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=f"dynamic_loss_scale: {problem}"):
        dynamic_loss_scale(gradtx.identity(), **scales)


def test_the_scales_are_in_order_after_one_was_replaced() -> None:
    tx = dynamic_loss_scale(gradtx.identity())
    with pytest.raises(ValueError, match="initial_scale must be at most max_scale"):
        gradtx.replace(tx, max_scale=2.0)
    both = gradtx.replace(tx, max_scale=2.0, initial_scale=2.0)
    assert both.init(PARAMS).loss_scale == 2.0


def test_the_largest_scale_of_all_leaves_a_gradient() -> None:
    tx = dynamic_loss_scale(gradtx.identity(), 2.0**127, growth_interval=1, max_scale=2.0**127)
    update, state = tx.update(jnp.float32(2.0**127), tx.init(jnp.float32(0.0)))
    assert (update, state.loss_scale) == (1.0, 2.0**127)

"""Polyak's step size against its papers, in double precision, and at the ends of its range."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import polyak_sgd, scale_by_polyak
from tests.trajectories import DTYPES, TOLERANCE, Tree, distance, gradients, rate

LEAST, GREATEST, EPS = 0.3, 0.2, 0.2


class WithLoss(NamedTuple):
    """A transformation that gets the sum of the gradients for its loss: any number that differs by step."""

    init: Callable[..., Any]
    update: Callable[..., Any]


def with_loss(tx: Any) -> WithLoss:
    def update(updates: Any, state: Any, params: Any) -> Any:
        loss = sum(leaf.real.sum() for leaf in updates.values())
        return tx.update(updates, state, params, value=loss)

    return WithLoss(tx.init, update)


def step_size(g: Tree, variant: str) -> float:
    """Loizou et al. (2021) with Berrada et al.'s epsilon; Garrigos et al. (2023) for `sps+`.

    Below the minimum the papers are silent, and the bound is that of a step in either direction.
    """
    gap = sum(np.sum(leaf).real for leaf in g.values()) - LEAST
    squared = sum(np.sum(np.abs(leaf) ** 2) for leaf in g.values())
    return np.clip(gap / (squared + EPS), 0.0 if variant == "sps+" else -GREATEST, GREATEST)


@DTYPES
@pytest.mark.parametrize("variant", ["sps", "sps+"])
def test_polyak_sgd(dtype: str, variant: str) -> None:
    def loizou(params: Tree, steps: list[Tree]) -> Iterator[Tree]:
        for t, g in enumerate(steps):
            size = rate(t) * step_size(g, variant)
            params = {name: theta - size * g[name] for name, theta in params.items()}
            yield params

    tx = with_loss(polyak_sgd(GREATEST, rate, LEAST, EPS, variant))
    assert distance(tx, loizou, dtype) < TOLERANCE[dtype]


def test_both_bounds_and_steps_within_them_occur() -> None:
    sizes = [step_size(g, "sps") for g in gradients("float64")]
    assert {-GREATEST, GREATEST} < set(sizes)
    assert any(0 < size < GREATEST for size in sizes)


@pytest.mark.parametrize(
    ("gradient", "loss", "options", "expected"),
    [
        ([0.0, 0.0], 1.0, {}, [0.0, 0.0]),
        ([0.0, 0.0], 1.0, {"max_learning_rate": jnp.inf}, [0.0, 0.0]),
        ([0.0, 0.0], 0.0, {"max_learning_rate": 0.0}, [0.0, 0.0]),
        ([3e-25, 4e-25], 1.0, {}, [3e-25, 4e-25]),
        ([3e-4, 4e-4], 1e-7, {}, [1.2e-4, 1.6e-4]),
        ([3.0, 4.0], 250.0, {"max_learning_rate": jnp.inf}, [30.0, 40.0]),
        ([3e-25, 0.0], -1.0, {}, [-3e-25, 0.0]),
        ([3e-25, 0.0], -1.0, {"variant": "sps+"}, [0.0, 0.0]),
        ([3.0, 4.0], jnp.inf, {}, [jnp.nan, jnp.nan]),
        ([3.0, 4.0], jnp.inf, {"max_learning_rate": jnp.inf}, [jnp.nan, jnp.nan]),
        ([jnp.inf, 4.0], 1.0, {}, [jnp.nan, jnp.nan]),
    ],
)
def test_ends_of_the_range(gradient: Any, loss: float, options: Any, expected: Any) -> None:
    tx, g = scale_by_polyak(**options), jnp.array(gradient)
    np.testing.assert_allclose(tx.update(g, tx.init(g), value=loss)[0], expected, rtol=1e-5)


def test_a_loss_of_several_examples_is_refused() -> None:
    tx, g = scale_by_polyak(), jnp.ones(2)
    with pytest.raises(ValueError, match=r"one number, the loss, got an array of shape \(2,\)"):
        tx.update(g, tx.init(g), value=g)

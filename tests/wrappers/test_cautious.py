"""Caution against Liang et al. (2024), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import adamw, add_decayed_weights, cautious, chain, scale_by_adam, scale_by_learning_rate, sgd
from tests.moments import B1, B2, DECAY, EPS, adam_directions, along
from tests.trajectories import TOLERANCE, distance, leafwise, rate

FRACTION = 0.8


@leafwise
def liang(
    theta: Any, gradients: list[Any], fraction: float = FRACTION, inside: bool = False
) -> Iterator[Any]:
    """Liang et al. (2024), algorithm 1, with the decay beside the mask or, where it is asked for, inside."""
    for t, g, direction in adam_directions(gradients):
        decay = DECAY * theta
        u, beside = (direction + decay, 0.0) if inside else (direction, decay)
        k = along(u, g) > 0
        theta = theta - rate(t) * (u * k / max(np.mean(k), fraction) + beside)
        yield theta


DIRECTION = scale_by_adam(B1, B2, EPS)


@pytest.mark.parametrize(
    ("dtype", "fraction"), [*((dtype, FRACTION) for dtype in TOLERANCE), ("float64", 1e-3)]
)
def test_caution(dtype, fraction):
    tx = chain(
        cautious(DIRECTION, fraction, descent=False),
        add_decayed_weights(DECAY),
        scale_by_learning_rate(rate),
    )
    assert distance(tx, liang(fraction), dtype) < TOLERANCE[dtype]


def test_caution_of_a_step_holds_its_decay_back_too():
    tx = cautious(adamw(rate, B1, B2, EPS, weight_decay=DECAY), FRACTION)
    assert distance(tx, liang(inside=True), "float64") < TOLERANCE["float64"]
    assert distance(tx, liang(inside=False), "float64") > 0.01


def test_the_mean_of_the_mask_has_a_least_value():
    """One element of 4000 agrees: its step grows 1000-fold, not 4000-fold; where none does, there is none."""
    direction = sgd(1.0, momentum=1.0)
    tx, before = cautious(direction), jnp.full(4000, 2.0)
    _, state = tx.update(before, tx.init(before))
    update, _ = tx.update((-jnp.ones(4000)).at[7].set(1.0), state)
    np.testing.assert_allclose(update, np.where(np.arange(4000) == 7, -3000.0, 0.0), rtol=1e-5)
    tx = cautious(direction, 0.0)
    np.testing.assert_array_equal(tx.update(-jnp.ones(4000), state)[0], np.zeros(4000))


def test_a_plain_gradient_always_agrees():
    """Also where the product of step and gradient is too small for a sign."""
    g = jnp.array([1e-30, -1e-30, 3.0, -2.0])
    np.testing.assert_allclose(cautious(sgd(0.5)).update(g, cautious(sgd(0.5)).init(g))[0], -0.5 * g)


def test_caution_hides_nothing_that_is_not_finite():
    step = gradtx.stateless(lambda updates, params: jnp.array([jnp.inf, 1.0, -1.0]))
    update, _ = cautious(step).update(jnp.ones(3), cautious(step).init(jnp.ones(3)))
    assert np.isnan(update[0])

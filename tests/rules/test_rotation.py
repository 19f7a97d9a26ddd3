"""Fromage and its rate against Bernstein et al. (2020), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from gradtx import (
    add_decayed_weights,
    chain,
    fromage,
    rotate_by_learning_rate,
    scale_by_learning_rate,
    scale_by_trust_ratio,
)
from tests.trajectories import (
    DTYPES,
    TOLERANCE,
    distance,
    gradients,
    leafwise,
    parameters,
    rate,
    relative_error,
    trajectory,
)

LEAST = 1.5


@leafwise
def bernstein(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """Bernstein et al. (2020), algorithm 1, with a least norm."""
    for t, g in enumerate(gradients):
        size, length = (max(np.sqrt(np.sum(np.abs(x) ** 2)), LEAST) for x in (theta, g))
        theta = (theta - rate(t) * size / length * g) / np.sqrt(1 + rate(t) ** 2)
        yield theta


@DTYPES
def test_fromage(dtype: str) -> None:
    """The scalar is shorter than the least norm, and the matrix longer."""
    assert distance(fromage(rate, LEAST), bernstein(), dtype) < TOLERANCE[dtype]


def test_the_step_is_one_of_decoupled_decay() -> None:
    eta = 0.75
    composed = chain(
        scale_by_trust_ratio(1e-6),
        add_decayed_weights(eta / (1 + 1.25)),
        scale_by_learning_rate(eta / 1.25),
    )
    updates, *_ = trajectory(fromage(eta), parameters(), gradients())
    assert relative_error(updates, trajectory(composed, parameters(), gradients())[0]) < 1e-6


def test_a_small_angle_shortens_without_a_loss_of_digits() -> None:
    """1 - cosine is 5e-9, and the difference of 1 and the cosine would be 0 in single precision."""
    tx, params = rotate_by_learning_rate(1e-4), jnp.array(1.0)
    update, _ = tx.update(jnp.array(0.0), tx.init(params), params)
    np.testing.assert_allclose(update, 1 / np.sqrt(1 + 1e-8) - 1, rtol=1e-6)

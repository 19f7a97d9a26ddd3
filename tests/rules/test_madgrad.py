"""MADGRAD against Defazio and Jelassi (2021), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradtx import madgrad, scale_by_madgrad
from gradtx.arithmetic import cube_root
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate

MU, EPS, DECAY = 0.7, 0.3, 0.2


@leafwise
def defazio(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """Defazio and Jelassi (2021), algorithm 1, with L2 regularization."""
    start, s, v = theta, 0.0, 0.0
    for k, gradient in enumerate(gradients):
        g = gradient + DECAY * theta
        weight = rate(k) * np.sqrt(k + 1)
        s = s + weight * g
        v = v + weight * np.abs(g) ** 2
        z = start - s / (np.cbrt(v) + EPS)
        theta = MU * theta + (1 - MU) * z
        yield theta


@DTYPES
def test_madgrad(dtype: str) -> None:
    assert distance(madgrad(rate, MU, DECAY, EPS), defazio(), dtype) < TOLERANCE[dtype]


def test_without_a_gradient_the_parameters_return_to_the_start() -> None:
    tx, start = scale_by_madgrad(0.1, momentum=0.75, eps=0.0), jnp.array(1.0)
    update, _ = tx.update(jnp.array(0.0), tx.init(start), jnp.array(5.0))
    assert update == -1.0


def test_sums_of_squares_that_overflow_stay_finite() -> None:
    tx, params = scale_by_madgrad(100.0), jnp.zeros(())
    update, state = params, tx.init(params)
    for _ in range(3):
        update, state = tx.update(jnp.array(1e30), state, params)
    assert jnp.isfinite(state.grad_sum_sq)
    assert update < 0


def test_the_cube_root_and_its_derivative() -> None:
    roots, slopes = jax.vmap(jax.value_and_grad(cube_root))(jnp.array([0.0, 1e-30, 8.0, 1e30]))
    np.testing.assert_allclose(roots, [0.0, 1e-10, 2.0, 1e10], rtol=1e-6)
    np.testing.assert_allclose(slopes, [0.0, 1e20 / 3, 1 / 12, 1e-20 / 3], rtol=1e-6)

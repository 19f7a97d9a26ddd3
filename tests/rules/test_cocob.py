"""COCOB against its paper, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import cocob, scale_by_cocob
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate

ALPHA, EPS, DECAY = 3.0, 0.2, 0.1


@leafwise
def orabona(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """Orabona and Tommasi (2017), algorithm 2, from $L_0$ = EPS, of weighted gradients with an L2 penalty."""
    start, total, longest, sizes, reward = theta, 0.0, EPS, 0.0, 0.0
    for t, gradient in enumerate(gradients):
        g = rate(t) * (gradient + DECAY * theta)
        longest = np.maximum(longest, np.abs(g))
        sizes = sizes + np.abs(g)
        reward = np.maximum(reward - np.real(np.conj(g) * (theta - start)), 0.0)
        total = total - g
        share = total / (longest * np.maximum(sizes + longest, ALPHA * longest))
        theta = start + share * (longest + reward)
        yield theta


@DTYPES
def test_cocob(dtype):
    tx = cocob(rate, ALPHA, EPS, DECAY)
    assert distance(tx, orabona(), dtype, steps=20) < 20 * TOLERANCE[dtype]  # of a step that is a difference


def test_only_the_selected_leaves_decay():
    tx, params = cocob(weight_decay=1.0, mask={"a": True, "b": False}), {"a": jnp.ones(2), "b": jnp.ones(2)}
    zeros = {"a": jnp.zeros(2), "b": jnp.zeros(2)}
    updates, _ = tx.update(zeros, tx.init(params), params)
    assert (updates["a"] < 0).all()
    np.testing.assert_array_equal(updates["b"], np.zeros(2))


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_a_factor_of_all_gradients_cancels(size):
    tx, params = scale_by_cocob(alpha=10.0, eps=0.0), jnp.array([1.0, 1.0, 1.0])
    state = tx.init(params)
    for g in (jnp.array([1.0, -1.0, 0.0]), jnp.array([1.0, 1.0, 0.0])):
        updates, state = tx.update(size * g, state, params)
        params = params + updates
    # 2 bets of 1 / 10 with the reward 1 / 10; gains and losses that cancel; no gradient and no scale.
    np.testing.assert_allclose(params, [1.0 - 2 / 10 * 1.1, 1.0, 1.0], rtol=1e-6)


def test_the_start_is_kept_in_its_own_dtype_and_the_sums_in_float32():
    state = scale_by_cocob().init(jnp.ones(2, jnp.bfloat16))
    assert state.init_particles.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in state[1:]} == {np.dtype(np.float32)}

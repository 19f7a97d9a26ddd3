"""Mechanic against its paper, in double precision; and that it finds the scale of its steps."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import adam, apply_updates, mechanize, sgd
from tests.rules.test_prodigy import drifting, factor
from tests.trajectories import (
    TOLERANCE,
    in_precision_of,
    parameters,
    reference_updates,
    relative_error,
    trajectory,
)

MU, DECAY, EPS, FIRST, NUMBER = 0.6, 0.3, 0.05, 0.02, 3


def cutkosky(params: dict[str, Any], steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Cutkosky, Defazio and Mehta (2023), algorithm 1, around gradient descent with momentum."""
    start, beta = params, 1 - 0.1 ** np.arange(1, NUMBER + 1)
    velocity, delta = (dict.fromkeys(params, 0.0) for _ in range(2))
    r, m, v, s = np.zeros(NUMBER), np.zeros(NUMBER), np.zeros(NUMBER), np.full(NUMBER, FIRST / NUMBER)
    for t, g in enumerate(steps):
        share = DECAY * s.sum() * length(g) / (length(params) + EPS)
        h = sum(np.sum(np.real(np.conj(delta[name]) * (g[name] + share * p))) for name, p in params.items())
        for name in params:
            velocity[name] = MU * velocity[name] + g[name]
            delta[name] = delta[name] - factor(t) * velocity[name]
        m = np.maximum(beta * m, abs(h) + EPS)
        v = beta**2 * v + h**2
        r = np.maximum(0.0, beta * r - s * h)
        s = (FIRST / NUMBER * m + r) / (np.sqrt(v) + EPS)
        params = {name: start[name] + s.sum() * delta[name] for name in params}
        yield params


def length(tree: dict[str, Any]) -> Any:
    return np.sqrt(sum(np.sum(np.abs(x) ** 2) for x in tree.values()))


def turning(start: Any, dtype: Any) -> list[Any]:
    """Gradients that agree for some steps, and then lead back: the reward grows, and is lost."""
    steps = drifting(start, dtype)
    return [*steps, *(jax.tree.map(lambda g: -g, step) for step in steps[:4])]


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_the_paper(dtype):
    tx = mechanize(sgd(factor, MU), DECAY, EPS, FIRST, NUMBER)
    start = parameters(dtype)
    steps = turning(start, dtype)
    with in_precision_of(dtype):
        updates, _, state = trajectory(tx, start, steps)
    # The steps are differences of points, and the scale is a sum of products of both signs.
    assert relative_error(updates, reference_updates(cutkosky, start, steps)) < 20 * TOLERANCE[dtype]
    assert state.count == len(steps)
    assert (np.asarray(state.r) == 0).any()  # a reward has been lost


def test_the_first_step_has_the_first_scale():
    tx, params = mechanize(sgd(1.0), s_init=0.25), jnp.zeros(2)
    updates, state = tx.update(jnp.array([4.0, -8.0]), tx.init(params), params)
    np.testing.assert_allclose(updates, [-1.0, 2.0], rtol=1e-6)
    np.testing.assert_allclose(state.delta, [-4.0, 8.0])


def test_the_decays_keep_their_digits():
    """The square of 1 - 1e-6 in float32 is not that of the decay."""
    tx, params = mechanize(sgd(1.0), eps=0.0), jnp.zeros(2)
    state = tx.init(params)._replace(m=jnp.ones(6), v=jnp.ones(6), r=jnp.ones(6))
    state = tx.update(jnp.zeros(2), state, params)[1]
    decays = 10.0 ** -np.arange(1.0, 7.0)
    for got, lost in ((state.m, decays), (state.r, decays), (state.v, decays * (2 - decays))):
        np.testing.assert_allclose(got, 1 - lost, rtol=6e-8)


def test_a_large_gradient_leaves_a_finite_update():
    tx, params = mechanize(adam(1.0)), jnp.ones(2)
    state = tx.init(params)
    for g in (jnp.ones(2), jnp.array([1e30, 1.0]), jnp.ones(2)):
        updates, state = tx.update(g, state, params)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((updates, state)))


def test_parameters_in_16_bits_lose_nothing_of_the_sum():
    """Each step alone would be rounded away."""
    tx, params = mechanize(sgd(1.0), s_init=1e-3), jnp.ones(2, jnp.bfloat16)
    state = tx.init(params)
    assert (state.x0.dtype, state.delta.dtype) == (jnp.bfloat16, np.dtype(np.float32))
    for _ in range(3):
        updates, state = tx.update(jnp.ones(2, jnp.bfloat16), state, params)
        params = apply_updates(params, updates)
    np.testing.assert_array_equal(state.delta, [-3.0, -3.0])


@pytest.mark.parametrize("scale", [1e-3, 1.0])
def test_a_quadratic_is_solved_whatever_the_learning_rate(scale):
    target, curvature = jnp.array([1.0, -2.0, 0.5, 3.0]), jnp.array([1.0, 0.5, 2.0, 0.2])
    tx = mechanize(adam(scale), weight_decay=0.0)

    def step(carry: Any, _: Any) -> Any:
        params, state = carry
        updates, state = tx.update(curvature * (params - target), state, params)
        return (apply_updates(params, updates), state), None

    start = jnp.zeros(4)
    (params, _), _ = jax.lax.scan(step, (start, tx.init(start)), length=2000)
    np.testing.assert_allclose(params, target, atol=0.1)


def test_the_base_optimizer_gets_the_extra_arguments():
    tx, params = mechanize(gradtx.momo()), jnp.ones(2)
    assert tx.needs == {"params", "value"}
    updates, _ = tx.update(params, tx.init(params), params, value=1.0)
    assert (updates < 0).all()

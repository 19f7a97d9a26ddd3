"""Sophia against its paper, in double precision, and when it looks at the curvature."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import GradientTransformation, Stepper, apply_updates, scale_by_sophia, sophia, tree
from gradtx.tree import TreeMismatchError
from tests.trajectories import (
    TOLERANCE,
    gradients,
    in_precision_of,
    leafwise,
    parameters,
    rate,
    reference_updates,
    relative_error,
    trajectory,
)

B1, B2, EPS, DECAY, GAMMA, RHO, K = 0.8, 0.7, 0.05, 0.02, 0.6, 0.9, 3
DECAYS = {"matrix": True, "scalar": False}


def no_calls(params: Any) -> Any:
    return {"calls": jnp.zeros(())}


def product(updates: Any, state: Any, params: Any) -> Any:
    """An estimate of both signs, which grows with the number of estimates before it."""
    calls = state["calls"]
    estimate = jax.tree.map(lambda g, p: (g * p.conj()).real + calls.astype(g.real.dtype), updates, params)
    return estimate, {"calls": calls + 1.0}


COUNTED = GradientTransformation(no_calls, product)


@leafwise
def liu(theta: Any, steps: list[Any], clipped: list[float]) -> Iterator[Any]:
    """Liu et al. (2023), algorithm 3, with `product` in line 8; `clipped` takes what share was."""
    m = h = 0.0
    for t, g in enumerate(steps, start=1):
        m = B1 * m + (1 - B1) * g
        if t % K == 1:
            h = B2 * h + (1 - B2) * ((g * np.conj(theta)).real + t // K)
        theta = theta - rate(t - 1) * (DECAY * theta if theta.ndim else 0.0)
        ratio = m / np.maximum(GAMMA * h, EPS)
        clipped.append(np.mean(np.abs(ratio) > RHO))
        theta = theta - rate(t - 1) * ratio * np.minimum(1.0, RHO / np.abs(ratio))
        yield theta


@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_sophia(dtype):
    tx = sophia(rate, B1, B2, EPS, DECAY, DECAYS, GAMMA, RHO, K, COUNTED)
    params, steps, clipped = parameters(dtype), gradients(dtype), []
    with in_precision_of(dtype):
        updates, _, state = trajectory(tx, params, steps)
    assert relative_error(updates, reference_updates(liu(clipped), params, steps)) < TOLERANCE[dtype]
    assert 0.2 < np.mean(clipped) < 0.8
    assert int(tree.get(state, "calls")) == 4  # in the updates 1, 4, 7 and 10


def test_the_average_gradient_is_kept_in_its_dtype():
    state = sophia(0.1, mu_dtype="bfloat16").init(jnp.ones(2))
    assert tree.get(state, "mu").dtype == jnp.bfloat16
    assert tree.get(state, "nu").dtype == jnp.float32


@pytest.mark.parametrize("compiled", [True, False])
def test_the_loss_is_looked_at_every_k_updates_alone(compiled):
    """By what runs, not by what is traced."""
    seen = []

    def loss(updates_before: Any, x: Any) -> Any:
        jax.debug.callback(seen.append, updates_before)
        return jnp.sum(x**2)

    def update(state: Any) -> Any:
        return tx.update(x, state, x, obj_fn=partial(loss, state.count))[1]

    tx, x = scale_by_sophia(update_interval=4), jnp.ones(3)
    state, update = tx.init(x), jax.jit(update) if compiled else update
    for _ in range(10):
        state = update(state)
    jax.effects_barrier()
    assert sorted({int(count) for count in seen}) == [0, 4, 8]


def test_it_is_newtons_method_where_nothing_is_averaged_or_clipped():
    """One step to the minimum of a quadratic function, from any point, for curvatures of all sizes."""
    curvature, minimum = jnp.array([1e-2, 1.0, 1e3]), jnp.array([1.0, -2.0, 3.0])
    x = jnp.array([-5.0, 7.0, 0.5])
    tx = sophia(1.0, 0.0, 0.0, weight_decay=0.0, gamma=1.0, clip_threshold=None, update_interval=1)
    loss = lambda x: 0.5 * jnp.sum(curvature * (x - minimum) ** 2)  # noqa: E731
    updates, _ = tx.update(jax.grad(loss)(x), tx.init(x), x, obj_fn=loss)
    np.testing.assert_allclose(apply_updates(x, updates), minimum, rtol=1e-6)


def test_where_the_curvature_is_not_positive_the_step_is_a_sign():
    x, g = jnp.ones(3), jnp.array([1e-3, -1e-3, 0.0])
    tx = scale_by_sophia(clip_threshold=0.5)
    updates, _ = tx.update(g, tx.init(x), x, obj_fn=lambda x: -jnp.sum(x**2))
    np.testing.assert_array_equal(updates, [0.5, -0.5, 0.0])


def test_a_stepper_takes_a_new_batch_without_compiling_anew():
    traces = []

    def loss(batch: Any, x: Any) -> Any:
        traces.append(None)
        return jnp.sum(batch * x**2)

    stepper, x = Stepper(sophia(0.1, weight_decay=0.0, update_interval=1)), jnp.ones(2)
    state = stepper.init(x)
    for batch in (jnp.ones(2), 3.0 * jnp.ones(2)):
        x, state = stepper(x, state, gradients=jnp.ones(2), obj_fn=jax.tree_util.Partial(loss, batch))
        once = len(traces)
    assert len(traces) == once
    # 2, and then 6, with the weight 0.01; were the first batch a part of the program, 2 both times.
    np.testing.assert_allclose(tree.get(state, "nu"), 0.01 * (0.99 * 2.0 + 6.0), rtol=1e-6)


def test_an_estimate_for_other_parameters_is_refused():
    wrong = GradientTransformation(no_calls, lambda updates, state, params=None: (jnp.ones(3), state))
    tx, x = scale_by_sophia(hessian_diagonal_fn=wrong), jnp.ones(2)
    with pytest.raises(TreeMismatchError, match=r"do not match hessian_diagonal .* got shape \(2,\)"):
        tx.update(x, tx.init(x), x)


@pytest.mark.parametrize("interval", [0, 2.5, True])
def test_an_interval_that_is_none_is_refused(interval):
    with pytest.raises(ValueError, match="update_interval must be a whole number of at least 1"):
        scale_by_sophia(update_interval=interval)

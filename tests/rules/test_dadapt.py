"""D-Adaptation against its paper, in double precision; and that it finds the size of its steps."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import apply_updates, dadapt_adamw, scale_by_dadapt_adamw
from tests.rules.test_prodigy import drifting, factor
from tests.trajectories import (
    TOLERANCE,
    in_precision_of,
    parameters,
    reference_updates,
    relative_error,
    trajectory,
)

B1, B2, EPS, D0, DECAY = 0.7, 0.8, 1e-2, 0.05, 0.1


def defazio(bias_correction: bool) -> Any:
    """Defazio and Mishchenko (2023), Adam with D-Adaptation, with the options of their code."""

    def rule(params: dict[str, Any], steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        m, v, s = (dict.fromkeys(params, 0.0) for _ in range(3))
        d, r, b = D0, 0.0, np.sqrt(B2)
        for k, step in enumerate(steps):
            rate = d * factor(k)
            if bias_correction:
                rate *= np.sqrt(1 - B2 ** (k + 1)) / (1 - B1 ** (k + 1))
            along = sum(
                np.sum(np.real(np.conj(g) * s[name] / (np.sqrt(v[name]) + EPS))) for name, g in step.items()
            )
            r = b * r + (1 - b) * rate * along
            for name, g in step.items():
                m[name] = B1 * m[name] + (1 - B1) * rate * g
                v[name] = B2 * v[name] + (1 - B2) * np.abs(g) ** 2
                s[name] = b * s[name] + (1 - b) * rate * g
            d = max(d, r / ((1 - b) * sum(np.abs(x).sum() for x in s.values())))
            params = {
                name: p - m[name] / (np.sqrt(v[name]) + EPS) - rate * DECAY * p for name, p in params.items()
            }
            yield params

    return rule


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize("corrects", [False, True])
def test_dadapt_adamw(corrects, dtype):
    tx = dadapt_adamw(factor, (B1, B2), EPS, D0, DECAY, bias_correction=corrects)
    start = parameters(dtype)
    steps = drifting(start, dtype)
    with in_precision_of(dtype):
        updates, _, (state, _) = trajectory(tx, start, steps)
    assert relative_error(updates, reference_updates(defazio(corrects), start, steps)) < TOLERANCE[dtype]
    assert float(state.inner.estim_lr) > 1.5 * D0


def test_where_there_has_been_no_gradient_the_estimate_stays():
    tx, params = scale_by_dadapt_adamw(eps=0.0), jnp.ones(2)
    update, state = tx.update(jnp.zeros(2), tx.init(params), params)
    np.testing.assert_array_equal(update, np.zeros(2))
    assert state.estim_lr == np.float32(1e-6)


def test_large_gradients_leave_a_finite_update_and_a_small_estimate():
    tx, params = scale_by_dadapt_adamw(), jnp.ones(2)
    state = tx.init(params)
    for g in (jnp.array([1e30, 1.0]), jnp.ones(2), jnp.array([1e30, 1.0])):
        updates, state = tx.update(g, state, params)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((updates, state)))
    assert state.estim_lr < 1e-3  # a gradient counts alike in the numerator and in the denominator


def test_a_fault_is_seen():
    tx, params = scale_by_dadapt_adamw(), jnp.ones(2)
    updates, state = tx.update(jnp.array([jnp.inf, 1.0]), tx.init(params), params)
    np.testing.assert_array_equal(np.isnan(updates), [True, False])
    assert np.isnan(state.estim_lr)


def test_from_an_estimate_far_too_small_the_quadratic_is_solved():
    target, curvature = jnp.array([1.0, -2.0, 0.5, 3.0]), jnp.array([1.0, 0.5, 2.0, 0.2])
    tx = dadapt_adamw()

    def step(carry: Any, _: Any) -> Any:
        params, state = carry
        updates, state = tx.update(curvature * (params - target), state, params)
        return (apply_updates(params, updates), state), None

    start = jnp.zeros(4)
    (params, _), _ = jax.lax.scan(step, (start, tx.init(start)), length=2000)
    np.testing.assert_allclose(params, target, atol=0.05)

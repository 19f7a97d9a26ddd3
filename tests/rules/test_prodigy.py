"""Prodigy against its paper, in double precision; and that it finds the size of its steps."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import adamw, apply_updates, cosine_decay_schedule, prodigy, scale_by_prodigy
from tests.trajectories import (
    TOLERANCE,
    gradients,
    in_precision_of,
    parameters,
    rate,
    reference_updates,
    relative_error,
    trajectory,
)

B1, B2, B3, EPS, D0, COEF, DECAY = 0.7, 0.8, 0.85, 1e-2, 0.05, 1.3, 0.1
OPTIONS = {
    "betas": (B1, B2),
    "beta3": B3,
    "eps": EPS,
    "estim_lr0": D0,
    "estim_lr_coef": COEF,
    "weight_decay": DECAY,
}


def factor(count: Any) -> Any:
    """A learning rate that falls from 2."""
    return 20.0 * rate(count)


def mishchenko(
    bias_correction: bool = False,
    safeguard_warmup: bool = False,
    growth_rate: float = np.inf,
    b3: float = B3,
    decays: Any = ("matrix", "scalar"),
) -> Any:
    """Mishchenko and Defazio (2024), algorithm 4, with the options and the epsilon of their code."""

    def rule(params: dict[str, Any], steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        start, m, v, s = params, *(dict.fromkeys(params, 0.0) for _ in range(3))
        d, r, largest = D0, 0.0, 0.0
        for k, step in enumerate(steps):
            gamma = factor(k)
            if bias_correction:
                gamma *= np.sqrt(1 - B2 ** (k + 1)) / (1 - B1 ** (k + 1))
            r = b3 * r + (1 - b3) * gamma * d**2 * sum(
                np.real(np.vdot(g, start[name] - params[name])) for name, g in step.items()
            )
            for name, g in step.items():
                m[name] = B1 * m[name] + (1 - B1) * d * g
                v[name] = B2 * v[name] + (1 - B2) * d**2 * np.abs(g) ** 2
                s[name] = b3 * s[name] + (1 - b3) * (1 if safeguard_warmup else gamma) * d**2 * g
            largest = max(largest, COEF * r / sum(np.abs(x).sum() for x in s.values()))
            following = max(d, largest if d == D0 else min(largest, growth_rate * d))
            params = {
                name: p
                - gamma * d * (m[name] / (np.sqrt(v[name]) + following * EPS) + (name in decays) * DECAY * p)
                for name, p in params.items()
            }
            d = following
            yield params

    return rule


def drifting(start: Any, dtype: Any) -> list[Any]:
    """Gradients towards 0, more or less, so that the distance grows that is travelled, and the estimate."""

    def towards_zero(p: Any, g: Any) -> Any:
        return (np.sign(p) + 0.3 * g).astype(g.dtype)

    return [jax.tree.map(towards_zero, start, step) for step in gradients(dtype)]


@pytest.mark.parametrize(
    ("options", "ours", "dtype"),
    [
        ({}, {}, "float64"),
        ({}, {}, "complex64"),
        ({"bias_correction": True, "safeguard_warmup": True}, {}, "float64"),
        ({"growth_rate": 1.1}, {}, "float64"),
        (
            {"b3": B2**0.5, "decays": ("matrix",)},
            {"beta3": None, "weight_decay_mask": {"matrix": True, "scalar": False}},
            "float64",
        ),
    ],
    ids=["paper", "complex", "corrected and safeguarded", "held back", "mask"],
)
def test_prodigy(options, ours, dtype):
    shared = {name: value for name, value in options.items() if name not in ("b3", "decays")}
    tx = prodigy(factor, **OPTIONS | shared | ours)
    start = parameters(dtype)
    steps = drifting(start, dtype)
    with in_precision_of(dtype):
        updates, _, (state, _) = trajectory(tx, start, steps)
    assert relative_error(updates, reference_updates(mishchenko(**options), start, steps)) < TOLERANCE[dtype]
    # The estimate has grown, and is held back where it was asked to be.
    estimate, largest = float(state.inner.estim_lr), float(state.inner.estim_lr_max)
    assert estimate > 1.5 * D0
    assert (estimate < 0.999 * largest) == ("growth_rate" in options)


def test_an_estimate_that_was_held_back_grows_on():
    """What it would have been is remembered, though the parameters have turned back since."""
    tx, estimates = scale_by_prodigy(estim_lr0=1.0, growth_rate=1.5), []
    state = tx.init(jnp.array(0.0))
    for travelled in (2.0, 20.0, -20.0):
        _, state = tx.update(jnp.array(1.0), state, jnp.array(-travelled))
        estimates.append(float(state.estim_lr))
    np.testing.assert_allclose(estimates, [2.0, 3.0, 4.5])  # the first growth is not held back


def test_where_there_has_been_no_gradient_the_estimate_stays():
    tx, params = scale_by_prodigy(), jnp.ones(2)
    update, state = tx.update(jnp.zeros(2), tx.init(params), params)
    np.testing.assert_array_equal(update, np.zeros(2))
    assert state.estim_lr == np.float32(1e-6)


def test_the_start_is_kept_in_its_own_dtype_and_the_statistics_in_float32():
    state = scale_by_prodigy().init(jnp.ones(2, jnp.bfloat16))
    assert state.params0.dtype == jnp.bfloat16
    assert {state.exp_avg.dtype, state.exp_avg_sq.dtype, state.grad_sum.dtype} == {np.dtype(np.float32)}


@pytest.mark.exhaustive
def test_inside_shard_map_the_named_axis_makes_the_estimate_that_of_the_whole():
    """Without the name each shard has an estimate of its own."""
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.PartitionSpec("data")
    start, noise = jnp.linspace(-1.0, 2.0, 64).reshape(16, 4), jnp.cos(jnp.arange(64.0)).reshape(16, 4)

    def run(axis_name: str | None) -> Any:
        tx = scale_by_prodigy(estim_lr0=0.1, axis_name=axis_name)

        def last(params: Any, noise: Any) -> Any:
            state = tx.init(params)
            for _ in range(3):
                updates, state = tx.update(params + noise, state, params)
                params = params - updates
            return params

        if axis_name is None:
            return last(start, noise)
        specs = {"in_specs": (split, split), "out_specs": split}
        return jax.jit(jax.shard_map(last, mesh=mesh, **specs))(start, noise)

    # Parameters of size 1 move: what is left of one near 0 has the roundings of its path.
    np.testing.assert_allclose(run("data"), run(None), rtol=1e-5, atol=1e-6)


@pytest.mark.exhaustive
def test_from_an_estimate_far_too_small_it_learns_as_fast_as_adamw_with_the_best_rate():
    """A quadratic with noisy gradients, 1e6 times further away than the first estimate."""
    target, curvature = jnp.array([1.0, -2.0, 0.5, 3.0]), jnp.array([1.0, 0.5, 2.0, 0.2])

    @jax.jit
    def final_loss(tx: Any) -> Any:
        def step(carry: Any, noise: Any) -> Any:
            params, state = carry
            updates, state = tx.update(curvature * (params - target) + 0.1 * noise, state, params)
            return (apply_updates(params, updates), state), None

        start = jnp.zeros(4)
        noise = jax.random.normal(jax.random.key(0), (300, 4))
        (params, _), _ = jax.lax.scan(step, (start, tx.init(start)), noise)
        return jnp.sum(curvature * (params - target) ** 2)

    falling = cosine_decay_schedule(1.0, 300)
    tuned = jax.vmap(lambda peak: final_loss(adamw(peak * falling)))(10.0 ** jnp.arange(-4.0, 1.0, 0.5))
    found = final_loss(prodigy(falling))
    assert found < 3 * tuned.min()
    assert tuned.max() > 100 * tuned.min()  # it matters

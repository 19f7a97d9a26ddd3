"""Schedule-Free against the paper, in double precision; and what the average is good for."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import (
    add_decayed_weights,
    apply_updates,
    chain,
    eval_params,
    linear_schedule,
    replace,
    schedule_free,
    schedule_free_adamw,
    schedule_free_eval_params,
    schedule_free_sgd,
    sgd,
)
from tests.trajectories import (
    TOLERANCE,
    gradients,
    in_precision_of,
    leafwise,
    parameters,
    rate,
    reference_updates,
    relative_error,
    rising,
    trajectory,
)

RATE, WARMUP, B1, B2, EPS, DECAY, POWER = 0.1, 4, 0.7, 0.8, 1e-2, 0.1, 1.5


def warmed_up(k: int) -> float:
    return RATE * min(1.0, (k + 1) / WARMUP)


def defazio(
    theta: Any, gradients: list[Any], adam: bool = False, lr: Any = warmed_up, b1: Any = lambda k: B1
) -> Iterator[tuple[Any, Any]]:
    """Defazio et al. (2024), equations 3 to 5: y and x. Weights and Adam as in the authors' code."""
    z = x = y = theta
    v, total, largest = 0.0, 0.0, 0.0
    for k, g in enumerate(gradients):
        v = B2 * v + (1 - B2) * np.abs(g) ** 2
        direction = g / (np.sqrt(v / (1 - B2 ** (k + 1))) + EPS) if adam else g
        z = z - lr(k) * (direction + DECAY * y)
        largest = max(largest, lr(k))
        total += largest**POWER
        c = largest**POWER / total
        x = (1 - c) * x + c * z
        y = (1 - b1(k)) * z + b1(k) * x
        yield y, x


@leafwise
def gradient_points(theta: Any, gradients: list[Any], **options: Any) -> Iterator[Any]:
    return (y for y, _ in defazio(theta, gradients, **options))


@leafwise
def averages(theta: Any, gradients: list[Any], **options: Any) -> Iterator[Any]:
    return (x for _, x in defazio(theta, gradients, **options))


def with_rates(lr: Any, b1: Any) -> Any:
    return schedule_free(chain(add_decayed_weights(DECAY), sgd(lr)), lr, b1, POWER)


SGD = schedule_free_sgd(RATE, WARMUP, B1, DECAY, POWER)
ADAMW = schedule_free_adamw(RATE, WARMUP, B1, B2, EPS, DECAY, POWER)


@pytest.mark.parametrize(
    ("tx", "options", "dtype"),
    [
        (SGD, {}, "float64"),
        (ADAMW, {"adam": True}, "float64"),
        (ADAMW, {"adam": True}, "complex64"),
        (with_rates(rate, rising), {"lr": rate, "b1": rising}, "float64"),
        (with_rates(RATE, 0.0), {"lr": lambda k: RATE, "b1": lambda k: 0.0}, "float32"),
        (with_rates(RATE, 1.0), {"lr": lambda k: RATE, "b1": lambda k: 1.0}, "float32"),
    ],
    ids=["sgd", "adamw", "complex adamw", "schedules", "b1 = 0", "b1 = 1"],
)
def test_both_points(tx, options, dtype):
    """Every b1 is legal and the average exact for each: it is kept, not recovered by a division by b1.

    An update is the difference of two rounded points: it is exact to their size, not to its own.
    """
    start, steps = parameters(dtype), gradients(dtype)
    with in_precision_of(dtype):
        _, params, state = trajectory(tx, start, steps)
        got = params, eval_params(tx, state, params)
    for point, rule in zip(got, (gradient_points, averages), strict=True):
        moved = reference_updates(rule(**options), start, steps)
        expected = {name: start[name] + moved[name].sum(axis=0) for name in start}
        assert relative_error(point, expected) < TOLERANCE[dtype]


def test_without_a_rate_nothing_moves_and_nothing_is_divided_by_0():
    """The first step of a warmup from 0: no weight has been given, and there is no average of nothing."""
    tx, params = schedule_free_sgd(linear_schedule(0.0, 1.0, 10)), jnp.array(2.0)
    update, state = tx.update(jnp.array(1.0), tx.init(params), params)
    assert update == 0.0
    assert eval_params(tx, state, params) == 2.0
    _, state = tx.update(jnp.array(1.0), state, params)
    np.testing.assert_allclose(eval_params(tx, state, params), 1.9, rtol=1e-6)


def test_16_bits_in_the_parameters_lose_nothing_of_the_average():
    """Bit by bit the average of float32, as the gradients given here do not depend on the parameters."""
    tx = schedule_free_sgd(2.0**-6)  # its product with 16 bits is exact
    half, steps = parameters("bfloat16"), gradients("bfloat16", steps=30)
    wide, wide_steps = jax.tree.map(lambda leaf: leaf.astype(np.float32), (half, steps))
    _, params, state = trajectory(tx, half, steps)
    _, wide_params, wide_state = trajectory(tx, wide, wide_steps)
    for name in half:
        np.testing.assert_array_equal(state.x[name], wide_state.x[name])
        assert params[name].dtype == jnp.bfloat16
        np.testing.assert_array_equal(params[name], wide_params[name].astype(jnp.bfloat16))
        assert eval_params(tx, state, params)[name].dtype == jnp.bfloat16


def test_the_iterate_is_stored_as_declared():
    tx = schedule_free(sgd(0.1), 0.1, state_dtype="bfloat16")
    state = tx.init(jnp.ones(2))
    assert (state.z.dtype, state.x.dtype) == (jnp.bfloat16, jnp.float32)


@pytest.mark.parametrize("b1", [0.0, 0.5])
def test_the_average_is_better_than_the_point_of_the_gradients(b1):
    """With noisy gradients the iterate does not settle at a constant rate; the average does."""
    tx, curvature = schedule_free_sgd(0.5, b1=b1), jnp.array([1.0, 0.3])

    def step(carry: Any, noise: Any) -> Any:
        params, state = carry
        updates, state = tx.update(curvature * params + noise, state, params)
        params = apply_updates(params, updates)
        losses = [jnp.sum(curvature * p**2) for p in (params, eval_params(tx, state, params))]
        return (params, state), jnp.stack(losses)

    noise = jax.random.normal(jax.random.key(0), (400, 2))
    start = jnp.array([3.0, -2.0])
    _, losses = jax.lax.scan(step, (start, tx.init(start)), noise)
    at_point, at_average = np.mean(losses[300:], axis=0)
    assert at_average < 0.5 * at_point


def test_both_places_of_the_learning_rate_can_be_named():
    """The path of the one is the end of the other's: a whole path decides."""
    tx = schedule_free_sgd(0.1)
    for path in (".learning_rate", ".base_optimizer.transformations[0].learning_rate"):
        tx = replace(tx, **{path: 0.2})
    assert tx == schedule_free_sgd(0.2)


def test_another_state_is_refused():
    tx = chain(schedule_free_sgd())
    state = tx.init(jnp.ones(2))
    assert (schedule_free_eval_params(state[0], jnp.ones(2)) == 1.0).all()
    with pytest.raises(ValueError, match=r"call eval_params\(tx, state, params\)"):
        schedule_free_eval_params(state, jnp.ones(2))

"""Lion against its paper, in double precision, in both of the forms in which its direction is computed."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import chain, lion, scale, scale_by_lion
from tests.trajectories import (
    DTYPES,
    TOLERANCE,
    distance,
    gradients,
    in_precision_of,
    leafwise,
    parameters,
    rate,
    rising,
    trajectory,
)

DECAY = 0.2
MASK = {"matrix": True, "scalar": False}
# The first three are formed from the new average: see `test_which_form_is_taken`.
PAIRS = [(0.8, 0.95), (0.0, 0.9), (0.7, 0.7), (0.1, 0.2), (0.95, 0.6), (0.5, 0.0)]


@leafwise
def chen(
    theta: Any,
    gradients: list[Any],
    b1: Any = lambda t: 0.8,
    b2: Any = lambda t: 0.95,
    weight_decay: float = DECAY,
    storage: Any = None,
) -> Iterator[Any]:
    """Chen et al. (2023), algorithm 2; `storage` is the dtype to which the average is rounded."""
    m = np.zeros_like(theta)
    for t, g in enumerate(gradients):
        c = b1(t) * m + (1 - b1(t)) * g
        theta = theta - rate(t) * (_sign(c) + weight_decay * theta)
        m = b2(t) * m + (1 - b2(t)) * g
        if storage:
            m = m.astype(storage).astype(float)
        yield theta


def _sign(x: Any) -> Any:
    return x / np.abs(x) if np.iscomplexobj(x) else np.sign(x)


def constant(value: float) -> Any:
    return lambda t: value


@DTYPES
@pytest.mark.parametrize(("b1", "b2"), PAIRS)
def test_lion(b1, b2, dtype):
    tx = lion(rate, b1, b2, weight_decay=DECAY)
    assert distance(tx, chen(constant(b1), constant(b2)), dtype) < TOLERANCE[dtype]


@pytest.mark.parametrize(("b1", "b2"), PAIRS)
def test_scheduled_decays(b1, b2):
    for pair in ((gradtx.constant_schedule(b1), b2), (b1, gradtx.constant_schedule(b2))):
        tx = lion(rate, *pair, weight_decay=DECAY)
        assert distance(tx, chen(constant(b1), constant(b2)), "float64") < TOLERANCE["float64"]


def test_a_rising_decay():
    tx = lion(rate, 0.3, rising, weight_decay=DECAY)
    assert distance(tx, chen(constant(0.3), rising), "float64") < TOLERANCE["float64"]
    tx = lion(rate, rising, 0.95, weight_decay=DECAY)
    assert distance(tx, chen(rising), "float64") < TOLERANCE["float64"]


@pytest.mark.parametrize(("b1", "b2"), PAIRS)
def test_traced_decays(b1, b2):
    """As an argument of `jax.jit` an optimizer has traced hyperparameters, and gives the same numbers."""
    params, steps = parameters("float64"), gradients("float64")
    with in_precision_of("float64"):
        expected, _, _ = trajectory(lion(rate, b1, b2), params, steps)
        got, _, _ = jax.jit(lambda tx: trajectory_of(tx, params, steps))(lion(rate, b1, b2))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), got, expected)


def trajectory_of(tx: Any, params: Any, steps: Any) -> Any:
    updates, state = [], tx.init(params)
    for g in steps:
        update, state = tx.update(g, state, params)
        params = gradtx.apply_updates(params, update)
        updates.append(update)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *updates), params, state


@pytest.mark.exhaustive
def test_a_mask_spares_leaves_the_decay():
    params, steps = parameters(), gradients()
    masked, _, _ = trajectory(lion(rate, weight_decay=DECAY, mask=MASK), params, steps)
    everywhere, _, _ = trajectory(lion(rate, weight_decay=DECAY), params, steps)
    nowhere, _, _ = trajectory(lion(rate, weight_decay=0.0), params, steps)
    np.testing.assert_array_equal(masked["matrix"], everywhere["matrix"])
    np.testing.assert_array_equal(masked["scalar"], nowhere["scalar"])
    assert not np.array_equal(masked["scalar"], everywhere["scalar"])


def test_the_direction_sees_the_stored_average():
    """The average is rounded when it is stored, and the next direction is taken from what was stored.

    The shape has enough elements for a sign that comes from the unrounded average to show.
    """
    shapes = {"matrix": (64, 64)}
    tx = chain(scale_by_lion(0.95, 0.96, mu_dtype="bfloat16"), scale(-1.0))
    params, steps = parameters(shapes=shapes), gradients(shapes=shapes, steps=12)
    updates, _, state = trajectory(tx, params, steps)
    assert state[0].mu["matrix"].dtype == jnp.bfloat16
    m = np.zeros((64, 64))
    unlike = 0
    exact = np.zeros((64, 64))
    for t, g in enumerate(steps):
        wide = g["matrix"].astype(float)
        np.testing.assert_array_equal(updates["matrix"][t], -np.sign(0.95 * m + 0.05 * wide))
        unlike += np.sum(np.sign(0.95 * exact + 0.05 * wide) != np.sign(0.95 * m + 0.05 * wide))
        m = (0.96 * m + 0.04 * wide).astype(np.float32).astype(jnp.bfloat16).astype(float)
        exact = 0.96 * exact + 0.04 * wide
    assert unlike > 0


@pytest.mark.parametrize(("b1", "b2"), [*PAIRS, (0.9, 0.99), (0.9, 0.9), (0.95, 0.98), (0.0, 0.5)])
def test_signs_are_right_to_the_last_digits(b1, b2):
    """A sign may be wrong only where the sum is within a few roundings of its own terms.

    Half of the elements are made to cancel to about one part in 10^6, and their sizes go over 12 decades.
    """
    draw = np.random.default_rng(0)
    size = 100_000
    m = (draw.standard_normal(size) * 10.0 ** draw.uniform(-6, 6, size)).astype(np.float32)
    g = (draw.standard_normal(size) * 10.0 ** draw.uniform(-6, 6, size)).astype(np.float32)
    if b1:
        near = -m.astype(float) * b1 / (1 - b1) * (1 + 1e-6 * draw.standard_normal(size))
        g[::2] = near[::2].astype(np.float32)
    state = gradtx.ScaleByLionState(jnp.int32(1), jnp.asarray(m))
    got, _ = jax.jit(scale_by_lion(b1, b2).update)(jnp.asarray(g), state)
    terms = b1 * m.astype(float), (1 - b1) * g.astype(float)
    exact, scale_ = terms[0] + terms[1], np.abs(terms[0]) + np.abs(terms[1])
    wrong = np.asarray(got) != np.sign(exact)
    assert np.all(np.abs(exact[wrong]) < 4 * 2.0**-24 * scale_[wrong])
    assert np.mean(wrong) < 0.1


@pytest.mark.parametrize(("b1", "b2"), PAIRS)
def test_no_average_and_no_gradient_is_no_step(b1, b2):
    tx = scale_by_lion(b1, b2)
    zero = jnp.zeros(3)
    update, state = tx.update(zero, tx.init(zero))
    np.testing.assert_array_equal(update, zero)
    np.testing.assert_array_equal(state.mu, zero)
    assert state.count == 1


@pytest.mark.parametrize(("b1", "b2"), [(0.5, 0.75), (0.5, 0.25)])
def test_terms_that_cancel_exactly_give_no_step(b1, b2):
    state = gradtx.ScaleByLionState(jnp.int32(1), jnp.array([1.0, -3.0]))
    np.testing.assert_array_equal(scale_by_lion(b1, b2).update(-state.mu, state)[0], [0.0, 0.0])


def test_which_form_is_taken():
    """The faster one wherever it is known to be as exact: a traced number is not."""

    def from_new(b1, b2):
        return scale_by_lion().with_fields(b1=b1, b2=b2).once().from_new

    assert [from_new(b1, b2) for b1, b2 in PAIRS] == [True] * 3 + [False] * 3
    assert from_new(np.float32(0.9), np.float32(0.99))
    assert not from_new(jnp.float32(0.9), 0.99)
    assert not from_new(0.9, jnp.float32(0.99))
    assert not from_new(0.0, 0.0)

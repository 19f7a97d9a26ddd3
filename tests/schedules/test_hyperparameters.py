"""A schedule stands for any hyperparameter, under jit and scan, and its count 0 is the first update."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from tests.schedules.cases import SCHEDULES

GRADIENTS = jnp.asarray(np.random.default_rng(0).standard_normal((12, 3)), jnp.float32)


def scanned(tx):
    """All updates of a run inside `jax.lax.scan`."""

    def step(state, gradient):
        updates, state = tx.update(gradient, state)
        return state, updates

    return jax.jit(lambda: jax.lax.scan(step, tx.init(GRADIENTS[0]), GRADIENTS)[1])()


def rebuilt(make, schedule):
    """All updates of a run with a new transformation, made of the schedule's value, at every step."""
    state, updates = make(float(schedule(0))).init(GRADIENTS[0]), []
    for count, gradient in enumerate(GRADIENTS):
        update, state = make(float(schedule(count))).update(gradient, state)
        updates.append(update)
    return np.stack(updates)


HYPERPARAMETERS = {
    "b1": lambda x: gradtx.scale_by_adam(b1=x),
    "decay": lambda x: gradtx.trace(decay=x, nesterov=True),
    "max_norm": gradtx.clip_by_global_norm,
    "learning_rate": gradtx.scale_by_learning_rate,
}


@pytest.mark.parametrize(
    "schedule", ["linear_schedule", "warmup_stable_decay_schedule, 1-sqrt", "join_schedules", "*"]
)
@pytest.mark.parametrize("hyperparameter", HYPERPARAMETERS)
def test_a_run_has_the_schedule_s_value_at_every_step(hyperparameter, schedule):
    make, schedule = HYPERPARAMETERS[hyperparameter], SCHEDULES[schedule]
    schedule = gradtx.constant_schedule(0.05) + schedule  # a norm must be positive
    np.testing.assert_allclose(scanned(make(schedule)), rebuilt(make, schedule), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_is_a_learning_rate(name):
    schedule = SCHEDULES[name]
    updates = scanned(gradtx.sgd(schedule))
    rates = np.asarray(schedule(jnp.arange(len(GRADIENTS))))
    np.testing.assert_allclose(updates, -rates[:, None] * GRADIENTS, rtol=1e-6)


def test_two_schedules_of_one_structure_share_one_trace_of_the_training_step():
    traces = []

    @jax.jit
    def step(tx, gradient, state):
        traces.append(tx)
        return tx.update(gradient, state)

    for peak, warmup in ((0.1, 2), (0.2, 4)):
        tx = gradtx.sgd(gradtx.warmup_cosine_floor_schedule(peak, warmup, 10))
        state = tx.init(GRADIENTS[0])
        for _ in range(3):
            updates, state = step(tx, GRADIENTS[0], state)
        np.testing.assert_allclose(updates, -peak * min(2 / warmup, 1) * GRADIENTS[0], rtol=1e-6)
    assert len(traces) == 1


WARMUPS = {
    "linear": gradtx.linear_warmup_schedule(3, 0.5),
    "constant": gradtx.warmup_constant_schedule(0.0, 0.5, 3),
    "cosine": gradtx.warmup_cosine_decay_schedule(0.0, 0.5, 3, 9),
    "floor": gradtx.warmup_cosine_floor_schedule(0.5, 3, 9),
    "exponential": gradtx.warmup_exponential_decay_schedule(0.0, 0.5, 3, 4, 0.5),
    "stable": gradtx.warmup_stable_decay_schedule(0.0, 0.5, 3, 3, 3),
}


@pytest.mark.parametrize("name", WARMUPS)
def test_a_warmup_from_zero_begins_with_an_update_of_nothing(name):
    updates = scanned(gradtx.sgd(WARMUPS[name]))
    np.testing.assert_array_equal(updates[0], 0.0)
    np.testing.assert_allclose(updates[1], -0.5 / 3 * GRADIENTS[1], rtol=1e-6)
    np.testing.assert_allclose(updates[3], -0.5 * GRADIENTS[3], rtol=1e-6)  # the update after 3 others


def test_the_transformer_s_warmup_loses_no_update():
    peak = (64 * 3) ** -0.5
    rates = gradtx.noam_schedule(64, 3)(jnp.arange(4))
    np.testing.assert_allclose(rates, peak * np.array([1 / 3, 2 / 3, 1, (3 / 4) ** 0.5]), rtol=1e-6)


def test_a_cosine_is_computed_once_a_step_for_all_leaves():
    tx = gradtx.sgd(gradtx.warmup_cosine_floor_schedule(0.5, 3, 9))
    params = {f"layer {i}": jnp.ones(3) for i in range(20)}
    text = jax.jit(tx.update).lower(params, tx.init(params)).compile().as_text()
    assert text.count(" sine(") == 1

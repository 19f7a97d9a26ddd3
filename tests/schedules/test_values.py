"""A schedule is a value: it prints as its expression, compares, pickles, and is a pytree of its numbers."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from tests.schedules.cases import COUNTS, SCHEDULES, reciprocal

NAMESPACE = {**vars(gradtx), "reciprocal": reciprocal}
NUMERIC = [name for name, schedule in SCHEDULES.items() if jax.tree.leaves(schedule)]


def with_other_numbers(schedule: gradtx.Schedule) -> gradtx.Schedule:
    """The same structure with every number halved, and every boundary one step later."""
    return jax.tree.map(lambda number: number + 1 if isinstance(number, int) else number / 2, schedule)


@pytest.mark.parametrize("name", SCHEDULES)
def test_it_prints_as_the_expression_that_makes_it(name):
    schedule = SCHEDULES[name]
    again = eval(repr(schedule), NAMESPACE)
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert repr(again) == repr(schedule)


@pytest.mark.parametrize("name", SCHEDULES)
def test_it_survives_pickling(name):
    schedule = SCHEDULES[name]
    assert pickle.loads(pickle.dumps(schedule)) == schedule


@pytest.mark.parametrize("name", NUMERIC)
def test_with_other_numbers_it_is_another_value(name):
    assert with_other_numbers(SCHEDULES[name]) != SCHEDULES[name]


def test_all_schedules_differ_unless_they_are_one_by_two_names():
    distinct = set(SCHEDULES.values())
    assert len(distinct) == len(SCHEDULES)


@pytest.mark.parametrize("name", NUMERIC)
def test_as_an_argument_it_traces_once_for_all_numbers(name):
    traces = []

    @jax.jit
    def curve(schedule, counts):
        traces.append(schedule)
        return schedule(counts)

    counts = jnp.arange(len(COUNTS))
    first, second = SCHEDULES[name], with_other_numbers(SCHEDULES[name])
    # Twice the rounding of a value: both sides have it.
    np.testing.assert_allclose(curve(first, counts), first(counts), rtol=1e-6)
    np.testing.assert_allclose(curve(second, counts), second(counts), rtol=1e-6)
    assert len(traces) == 1
    assert np.abs(curve(second, counts) - first(counts)).max() > 1e-3


SWEEPS = {
    "number": (lambda x: gradtx.linear_schedule(x, 0.1, 10), [0.2, 0.4]),
    "steps": (lambda x: gradtx.linear_schedule(0.4, 0.1, x), [0.0, 8.0]),
    "warmup": (lambda x: gradtx.warmup_cosine_decay_schedule(0.0, 0.4, x, 20), [4, 8]),
    "warmup in float": (lambda x: gradtx.warmup_cosine_decay_schedule(0.0, 0.4, x, 20), [4.0, 8.0]),
    "peak": (lambda x: gradtx.warmup_stable_decay_schedule(0.0, x, 4, 4, 8), [0.2, 0.4]),
    "restarts": (lambda x: gradtx.cosine_restarts_schedule(0.4, 4, x), [1.0, 2.0]),
    "one cycle": (lambda x: gradtx.cosine_onecycle_schedule(20, x), [0.2, 0.4]),
    "boundary": (lambda x: gradtx.join_schedules([0.1, 0.2], [x]), [3, 5]),
    "scale": (lambda x: gradtx.piecewise_interpolate_schedule("cosine", 0.4, {8: x}), [0.5, 2.0]),
    "batch": (lambda x: gradtx.scaled_learning_rate(0.1, x, warmup_steps=8), [512.0, 1024.0]),
    "model size": (lambda x: gradtx.noam_schedule(x, 8), [64.0, 128.0]),
}


@pytest.mark.parametrize("name", SWEEPS)
def test_many_are_one_stacked_value(name):
    maker, numbers = SWEEPS[name]
    stacked = jax.vmap(maker)(jnp.array(numbers))
    counts = jnp.arange(len(COUNTS))
    curves = jax.vmap(lambda schedule: schedule(counts))(stacked)
    np.testing.assert_allclose(curves, [maker(number)(counts) for number in numbers], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", ["bfloat16", "int32"])
def test_a_number_of_any_dtype_serves_under_strict_promotion(dtype):
    half = jnp.asarray(2, dtype)
    for schedule in (
        gradtx.polynomial_schedule(half, half / half, half, half, half),
        gradtx.exponential_decay(half, half, half, half, end_value=half),
        gradtx.cosine_restarts_schedule(half, half, half, half),
        gradtx.cosine_decay_schedule(half, half, half, half),
        gradtx.inverse_sqrt_schedule(half, half),
        gradtx.join_schedules([half, half], [half]),
    ):
        np.testing.assert_array_equal(schedule(jnp.arange(1)), 2.0)
        assert jax.jit(lambda s: s(jnp.arange(3)))(schedule).dtype == jnp.float32


def test_one_number_can_be_replaced():
    schedule = gradtx.join_schedules(
        [gradtx.linear_schedule(0.0, 0.4, 8), gradtx.step_decay_schedule(0.4, 4)], [8]
    )
    edited = gradtx.replace(schedule, decay_rate=0.5, boundaries=[9])
    assert edited == gradtx.join_schedules(
        [gradtx.linear_schedule(0.0, 0.4, 8), gradtx.step_decay_schedule(0.4, 4, 0.5)], [9]
    )
    with pytest.raises(ValueError, match="decay_rate must be above 0"):
        gradtx.replace(schedule, decay_rate=-1.0)

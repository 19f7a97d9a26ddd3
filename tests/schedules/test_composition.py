"""Schedules add, subtract, multiply and join."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import gradtx
from gradtx import constant_schedule, join_schedules, linear_schedule

COUNTS = jnp.arange(101)
QUICK = settings(max_examples=10, deadline=None, derandomize=True)

lines = st.builds(linear_schedule, st.floats(-1, 1, width=32), st.floats(-1, 1, width=32), st.integers(0, 30))
cosines = st.builds(gradtx.cosine_annealing_schedule, st.floats(-1, 1, width=32), st.integers(1, 30))
plain = st.sampled_from([gradtx.schedule_from(lambda t: t % 3), constant_schedule(0.5)])
schedules = lines | cosines | plain
boundaries = st.integers(0, 45)


def close(left, right):
    # Sums of numbers up to 2: a few roundings of 1.2e-7.
    np.testing.assert_allclose(left(COUNTS), right(COUNTS), atol=1e-6)


@pytest.mark.exhaustive
@QUICK
@given(schedules, schedules, schedules)
def test_sums_and_products_obey_the_laws_of_arithmetic(a, b, c):
    close(a + b, b + a)
    close(a * b, b * a)
    close((a + b) + c, a + (b + c))
    close((a + b) * c, a * c + b * c)
    close(a - b, a + (-b))
    close(a - a, constant_schedule(0.0))


@QUICK
@given(schedules, st.floats(-2, 2, width=32))
def test_a_number_stands_on_either_side(a, x):
    values = np.asarray(a(COUNTS))
    for schedule, expected in (
        (a + x, values + x),
        (x + a, values + x),
        (a - x, values - x),
        (x - a, x - values),
        (a * x, values * x),
        (x * a, values * x),
        (-a, -values),
    ):
        np.testing.assert_allclose(schedule(COUNTS), expected, atol=1e-6)


@pytest.mark.exhaustive
@QUICK
@given(schedules, schedules, boundaries)
def test_joined_schedules_take_turns_each_from_its_own_count_zero(a, b, boundary):
    joined = join_schedules([a, b], [boundary])(COUNTS)
    np.testing.assert_array_equal(joined[:boundary], a(COUNTS)[:boundary])
    np.testing.assert_array_equal(joined[boundary:], b(COUNTS)[: max(len(COUNTS) - boundary, 0)])


@QUICK
@given(schedules, schedules, schedules, boundaries, st.integers(0, 10))
def test_joining_associates(a, b, c, first, length):
    second = first + length
    flat = join_schedules([a, b, c], [first, second])
    close(flat, join_schedules([join_schedules([a, b], [first]), c], [second]))
    close(flat, join_schedules([a, join_schedules([b, c], [length])], [first]))


@QUICK
@given(schedules, schedules, schedules, boundaries)
def test_joining_distributes(a, b, c, boundary):
    later = gradtx.schedule_from(lambda t: c(t + boundary))
    close(join_schedules([a, b], [boundary]) * c, join_schedules([a * c, b * later], [boundary]))


def test_a_schedule_alone_joins_to_itself():
    close(join_schedules([linear_schedule(1.0, 0.0, 9)], []), linear_schedule(1.0, 0.0, 9))


def test_a_joined_function_gets_whole_counts_that_are_never_negative():
    table = jnp.array([0.5, 0.25, 0.125])
    seen = []

    def look_up(count):
        seen.append((count.dtype, int(count)))
        return table[count]

    joined = join_schedules([1.0, look_up], [2])
    assert [float(joined(t)) for t in range(5)] == [1.0, 1.0, 0.5, 0.25, 0.125]
    assert seen == [(jnp.int32, 0), (jnp.int32, 0), (jnp.int32, 0), (jnp.int32, 1), (jnp.int32, 2)]


@pytest.mark.exhaustive
def test_a_boundary_between_counts_is_that_of_the_next_count():
    joined = join_schedules([0.0, linear_schedule(1.0, 0.0, 4)], [2.5])
    np.testing.assert_allclose(joined(jnp.arange(5)), [0.0, 0.0, 0.0, 0.875, 0.625])


def test_far_counts_join_exactly():
    # In float32 these counts are 8 apart.
    begin = 100_000_001
    schedule = jax.jit(join_schedules([1.0, linear_schedule(1.0, 0.0, 4)], [begin]))
    np.testing.assert_array_equal(schedule(begin + jnp.arange(-1, 6)), [1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0])


def test_a_boundary_that_never_comes_is_legal():
    np.testing.assert_array_equal(join_schedules([0.5, 0.25], [np.inf])(jnp.array([0, 2**31 - 1])), 0.5)


def test_a_plain_function_joins_the_algebra():
    warmup = linear_schedule(0.0, 1.0, 4)
    close(warmup * (lambda t: 1 / (1 + t)), gradtx.schedule_from(lambda t: jnp.minimum(t, 4) / (4 + 4 * t)))


def test_a_one_cycle_of_one_step_goes_from_its_start_to_its_end():
    schedule = gradtx.linear_onecycle_schedule(1, 1.0, div_factor=2.0, final_div_factor=4.0)
    np.testing.assert_array_equal(schedule(jnp.arange(3)), [0.5, 0.125, 0.125])


def test_what_is_no_schedule_is_refused():
    with pytest.raises(TypeError, match="A schedule must be a function of the count or a number"):
        linear_schedule(0.0, 1.0, 4) + "1"


def test_a_boundary_after_the_last_schedule_is_left_out_with_a_warning():
    with pytest.warns(UserWarning, match=r"2 schedules need 1 boundaries.*got 3: \[20, 30\] is left out"):
        joined = join_schedules([0.5, 0.25], [10, 20, 30])
    assert joined == join_schedules([0.5, 0.25], [10])

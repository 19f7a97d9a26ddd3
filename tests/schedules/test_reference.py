"""Every schedule against its definition in float64, at every count, at both ends and past the end."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import Schedule
from tests.schedules.cases import CASES, COUNTS
from tests.trajectories import in_precision_of

# A value is the end of at most a dozen roundings of 6e-8 each, most of which cancel; 3.8e-7 was seen.
FLOAT32 = 5e-7

WAYS = {
    "eager": lambda schedule, counts: schedule(counts),
    "closed over": lambda schedule, counts: jax.jit(schedule)(counts),
    "argument": jax.jit(lambda schedule, counts: schedule(counts)),
}


def makers() -> set[str]:
    """The names of everything public that makes a schedule."""
    public = {name: getattr(gradtx, name) for name in gradtx.core.__all__ + gradtx.schedules.__all__}
    classes = {
        name
        for name, value in public.items()
        if inspect.isclass(value) and issubclass(value, Schedule) and value is not Schedule
    }
    return classes | {name for name in gradtx.schedules.__all__ if not inspect.isclass(public[name])}


def test_every_public_schedule_has_a_case():
    assert makers() <= {name.split(",")[0].split(" ")[0] for name in CASES}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_it_is_its_definition(name, way):
    schedule, definition = CASES[name]
    expected = np.array([definition(t) for t in COUNTS])
    values = WAYS[way](schedule, jnp.arange(len(COUNTS)))
    assert values.dtype == jnp.float32
    np.testing.assert_allclose(np.asarray(values, float), expected, rtol=FLOAT32)


@pytest.mark.parametrize("name", CASES)
def test_in_double_precision_it_is_its_definition_to_rounding(name):
    schedule, definition = CASES[name]
    expected = [definition(t) for t in COUNTS]
    with in_precision_of("float64"):
        np.testing.assert_allclose(schedule(np.arange(len(COUNTS))), expected, rtol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_the_whole_curve_is_its_single_values(name):
    schedule, _ = CASES[name]
    counts = jnp.arange(6).reshape(3, 2) * 16
    singly = [[schedule(int(t)) for t in row] for row in counts]
    assert {value.shape for row in singly for value in row} == {()}
    np.testing.assert_allclose(schedule(counts), np.array(singly), rtol=FLOAT32)
    np.testing.assert_allclose(jax.vmap(jax.vmap(schedule))(counts), np.array(singly), rtol=FLOAT32)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("schedule_from", "join_schedules")])
def test_a_floating_point_count_gives_the_same(name):
    schedule, _ = CASES[name]
    whole = jnp.arange(len(COUNTS))
    np.testing.assert_allclose(schedule(whole.astype(float)), schedule(whole), rtol=FLOAT32)


ENDLESS = ("schedule_from", "step", "inverse_sqrt", "noam", "relative_step", "t5", "cosine_restarts", "*")


@pytest.mark.parametrize("name", CASES)
def test_up_to_the_largest_count_it_is_finite_and_stays_at_its_end(name):
    schedule, definition = CASES[name]
    counts = jnp.array([2**24 + 1, 2**31 - 2, 2**31 - 1])
    values = np.asarray(jax.jit(schedule)(counts))
    assert np.isfinite(values).all()
    if not name.startswith(ENDLESS):
        np.testing.assert_allclose(values, definition(1000), rtol=FLOAT32)


def test_a_slow_decay_keeps_its_rate_over_many_steps():
    # In float32 0.9999 is off by 2e-8, and its power 100000 by 1e-3.
    schedule = gradtx.exponential_decay(1.0, transition_steps=1, decay_rate=0.9999)
    np.testing.assert_allclose(jax.jit(schedule)(100_000), 0.9999**100_000, rtol=FLOAT32)


def test_the_last_values_of_a_long_decay_keep_their_digits():
    for schedule, definition in {
        gradtx.linear_schedule(1.0, 0.0, 100_000): lambda p: p,
        gradtx.cosine_decay_schedule(1.0, 100_000): lambda p: np.sin(np.pi / 2 * p) ** 2,
        gradtx.one_minus_sqrt_schedule(1.0, 0.0, 100_000): lambda p: 1 - np.sqrt(1 - p),
    }.items():
        np.testing.assert_allclose(jax.jit(schedule)(99_999), definition(1e-5), rtol=FLOAT32)


@pytest.mark.exhaustive
def test_a_cycle_begins_at_the_peak_whatever_its_length():
    schedule = gradtx.cosine_restarts_schedule(1.0, 7, 1.3)
    begins = np.array([round(7 * (1.3**i - 1) / 0.3) for i in range(20)])
    curve = np.asarray(schedule(np.arange(begins[-1] + 1)))
    np.testing.assert_array_equal(curve[begins], 1.0)
    assert np.all(curve[begins[1:] - 1] < 0.1)
    # Between two counts too, where a begin that was rounded up lies behind the exact one.
    assert np.all(schedule(begins[1:] - np.float32(0.25)) < 0.1)


def test_stairs_step_down_at_exact_multiples_only():
    steps = 41
    schedule = jax.jit(gradtx.step_decay_schedule(1.0, steps, 0.9999))
    multiples = np.arange(1, 400_000, 7) * steps
    levels = np.round(np.log(np.asarray(schedule(multiples), float)) / np.log(0.9999))
    before = np.round(np.log(np.asarray(schedule(multiples - 1), float)) / np.log(0.9999))
    np.testing.assert_array_equal(levels - before, 1)

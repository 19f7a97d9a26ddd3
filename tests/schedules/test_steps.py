"""Numbers of steps: floats in the value, exact where they are known, and odd ones named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import Schedule, hyperparameter, join_schedules, linear_schedule
from tests.trajectories import in_precision_of

FAR = 2**24 + 1  # float32 has no such number


def test_every_number_of_a_schedule_is_a_float():
    for schedule in (
        gradtx.warmup_cosine_decay_schedule(0, 1, 10, 100),
        join_schedules([1, 2], [np.int64(10)]),
        gradtx.piecewise_constant_schedule(1, {3: 1}),
        jax.vmap(lambda steps: join_schedules([1.0, 2.0], [steps]))(jnp.array([3, 5])),
        jax.vmap(gradtx.linear_warmup_schedule)(jnp.array([3, 5])),
        jax.vmap(lambda scale: gradtx.piecewise_constant_schedule(1.0, {3: scale}))(jnp.array([3, 5])),
    ):
        assert all(jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in jax.tree.leaves(schedule))


EXACT = {
    "a stair": (gradtx.exponential_decay(1.0, FAR, 0.5, staircase=True), [1.0, 0.5, 0.5]),
    "a begin": (gradtx.exponential_decay(1.0, 1, 0.5, transition_begin=FAR), [1.0, 1.0, 0.5]),
    "a line": (linear_schedule(1.0, 0.0, 2, transition_begin=FAR), [1.0, 1.0, 0.5]),
    "a boundary": (join_schedules([1.0, linear_schedule(0.5, 0.0, 2)], [FAR]), [1.0, 0.5, 0.25]),
    "a warmup": (gradtx.warmup_cosine_decay_schedule(1.0, 1.0, FAR, FAR + 2), [1.0, 1.0, 0.5]),
    "steps": (gradtx.step_decay_schedule(1.0, FAR, 0.5), [1.0, 0.5, 0.5]),
    "a scale": (gradtx.piecewise_constant_schedule(1.0, {FAR: 0.5}), [1.0, 0.5, 0.5]),
}


@pytest.mark.parametrize("name", EXACT)
def test_known_numbers_of_steps_are_exact(name):
    schedule, expected = EXACT[name]
    counts = jnp.array([FAR - 1, FAR, FAR + 1])
    for values in (schedule(counts), jax.jit(schedule)(counts)):
        np.testing.assert_allclose(values, expected, rtol=1e-6)
    tx = gradtx.sgd(schedule)
    states = (gradtx.EmptyState(), gradtx.ScaleByScheduleState(jnp.int32(FAR - 1)))
    np.testing.assert_allclose(tx.update(jnp.ones(()), states)[0], -expected[0], rtol=1e-6)


@pytest.mark.parametrize("name", EXACT)
def test_traced_numbers_of_steps_are_exact_in_double_precision(name):
    schedule, expected = EXACT[name]
    with in_precision_of("float64"):
        values = jax.jit(lambda schedule, counts: schedule(counts))(
            schedule, np.array([FAR - 1, FAR, FAR + 1])
        )
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_the_last_step_of_a_long_decay_is_not_its_end():
    schedule = linear_schedule(1.0, 0.0, FAR)
    np.testing.assert_allclose(schedule(FAR - 1), 1 / FAR, rtol=1e-6)
    assert schedule(FAR) == 0.0


@pytest.mark.exhaustive
def test_a_plain_function_after_a_boundary_gets_whole_counts_in_any_program():
    rates = jnp.array([0.5, 0.25, 0.125])
    for boundary, expected in ((2, [1.0, 1.0, 0.5, 0.25, 0.125]), (1.5, [1.0, 1.0, 0.5, 0.25, 0.125])):
        for function in (lambda t: rates[t], 1.0 * gradtx.schedule_from(lambda t: rates[t])):
            joined = join_schedules([1.0, function], [boundary])
            np.testing.assert_allclose(joined(jnp.arange(5)), expected)
            traced = jax.jit(lambda schedule: schedule(jnp.arange(5)))(joined)
            np.testing.assert_allclose(traced, expected)
    far = join_schedules([1.0, lambda t: t - (2**31 - 5)], [3])
    assert far(2**31 - 1) == 1.0


class warmed_halves(Schedule):
    """A composition by a user."""

    steps: float = hyperparameter(low=1.0)

    def composition(self):
        return join_schedules([linear_schedule(0.0, 1.0, self.steps), 0.5], [self.steps])


def test_a_schedule_may_be_a_composition():
    schedule = warmed_halves(2)
    np.testing.assert_array_equal(schedule(jnp.arange(4)), [0.0, 0.5, 0.5, 0.5])
    assert gradtx.replace(gradtx.sgd(schedule), steps=4) == gradtx.sgd(warmed_halves(4))
    assert schedule.composition() == join_schedules([linear_schedule(0.0, 1.0, 2), 0.5], [2])


class neither(Schedule):
    """A schedule without a definition."""


def test_a_schedule_without_a_definition_says_so():
    with pytest.raises(NotImplementedError, match=r"neither must define at\(count\), or composition\(\)"):
        neither()(0)


@pytest.mark.exhaustive
def test_a_composition_is_not_validated_in_a_trace():
    # Its annealing has no step: the numbers of a trained, mapped or differentiated schedule may be any.
    schedule = gradtx.warmup_cosine_decay_schedule(0.0, 1.0, 4, 8)
    odd = jax.tree.map(lambda number: -number, schedule)
    assert np.isfinite(odd(jnp.arange(9))).all()


def test_fields_that_depend_on_each_other_change_together():
    schedule = gradtx.warmup_cosine_decay_schedule(0.0, 1.0, 10, 20)
    tx = gradtx.chain(gradtx.sgd(schedule))
    for field, value in (("warmup_steps", 20), ("decay_steps", 10)):
        with pytest.raises(ValueError, match="decay_steps counts from the first update and must exceed"):
            gradtx.replace(tx, **{field: value})
    longer = gradtx.replace(tx, warmup_steps=30, decay_steps=60)
    assert longer == gradtx.chain(gradtx.sgd(gradtx.warmup_cosine_decay_schedule(0.0, 1.0, 30, 60)))
    with pytest.raises(ValueError, match="pct_final must be at least"):
        gradtx.replace(gradtx.linear_onecycle_schedule(100, 1.0), pct_final=0.1)
    with pytest.raises(ValueError, match="boundaries must not decrease"):
        gradtx.replace(join_schedules([1.0, 2.0, 3.0], [5, 9]), **{"boundaries[0]": 10})


@pytest.mark.exhaustive
def test_replace_reaches_the_numbers_in_a_tuple():
    joined = gradtx.replace(join_schedules([1.0, 2.0], [5]), **{".boundaries[0]": 7})
    assert joined == join_schedules([1.0, 2.0], [7])
    scaled = gradtx.piecewise_constant_schedule(1.0, {5: 0.5, 9: 0.25})
    later = gradtx.replace(scaled, **{".boundaries_and_scales[0][0]": 10})
    assert later == gradtx.piecewise_constant_schedule(1.0, {9: 0.25, 10: 0.5})
    cycles = gradtx.sgdr_schedule(
        [{"init_value": 0, "peak_value": 1, "warmup_steps": 1, "decay_steps": 3}] * 2
    )
    lower = gradtx.replace(cycles, **{"[1].peak_value": 0.5})
    np.testing.assert_allclose(lower(jnp.array([1, 4])), [1.0, 0.5])
    with pytest.raises(ValueError, match="must exceed warmup_steps"):
        gradtx.replace(cycles, **{"[1].decay_steps": 1})


def test_a_schedule_in_the_structure_has_no_count_to_keep():
    tx = gradtx.accumulate(gradtx.sgd(0.1), 2)
    scheduled = gradtx.replace(tx, every_k_schedule=lambda count: count + 1)
    assert jax.tree.structure(scheduled.init(1.0)) == jax.tree.structure(tx.init(1.0))
    assert gradtx.replace(scheduled, every_k_schedule=2) == tx


ODD = {
    "fraction": (gradtx.linear_schedule(1.0, 0.0, 0.5), ["transition_steps: 0.5 is a fraction of a step"]),
    "begin": (gradtx.linear_schedule(1.0, 0.0, 5, 0.5), ["transition_begin: 0.5 is a fraction of a step"]),
    "none": (gradtx.linear_schedule(1.0, 0.0, 0), ["transition_steps: there are 0 steps"]),
    "no warmup": (
        gradtx.warmup_exponential_decay_schedule(0.0, 1.0, 0, 0.1, 0.5),
        ["warmup_steps: there are 0 steps", "transition_steps: 0.1 is a fraction of a step"],
    ),
    "boundary": (join_schedules([1.0, 0.5], [2.5]), ["join_schedules: boundaries: 2.5 is a fraction"]),
    "scales": (
        gradtx.piecewise_constant_schedule(1.0, {2.5: 0.5, 3: 0.5}),
        ["piecewise_constant_schedule: boundaries_and_scales: 2.5 is a fraction"],
    ),
    "part": (
        join_schedules([linear_schedule(0.0, 1.0, 0), gradtx.cosine_decay_schedule(1.0, 9.5)], [0]),
        ["cosine_decay_schedule: decay_steps: 9.5 is a fraction"],
    ),
    "factor": (2.0 * gradtx.linear_warmup_schedule(1.5), ["linear_warmup_schedule: warmup_steps: 1.5 is"]),
    "cycles": (
        gradtx.sgdr_schedule([{"init_value": 0, "peak_value": 1, "warmup_steps": 0, "decay_steps": 0.5}]),
        ["warmup_cosine_decay_schedule: decay_steps: 0.5 is a fraction"],
    ),
    "never": (join_schedules([1.0, 0.5], [float("inf")]), []),
    "ordinary": (gradtx.warmup_cosine_decay_schedule(0.0, 1.0, 10, 100), []),
    "begin 0": (gradtx.exponential_decay(1.0, 10, 0.5), []),
    "growing": (gradtx.exponential_decay(1e-6, 10, 1.5), []),
    "stacked": (jax.vmap(lambda steps: linear_schedule(1.0, 0.0, steps))(jnp.array([0.5, 0.0])), []),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_numbers_of_steps_are_named(name):
    schedule, expected = ODD[name]
    warnings = list(schedule.warnings())
    assert len(warnings) == len(expected)
    for warning, text in zip(warnings, expected, strict=True):
        assert text in warning.text

"""Arguments that no schedule can have are refused where it is made, by name."""

import jax.numpy as jnp
import pytest

import gradtx

WARMUP_COSINE = {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 10, "decay_steps": 20}
WSD = {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 4, "stable_steps": 4, "decay_steps": 4}

REFUSED = {
    "negative steps": (
        lambda: gradtx.linear_schedule(1.0, 0.0, -1),
        "linear_schedule: transition_steps must be at least 0 and below inf, got -1",
    ),
    "endless transition": (
        lambda: gradtx.linear_schedule(1.0, 0.0, float("inf")),
        "linear_schedule: transition_steps must be at least 0 and below inf, got inf",
    ),
    "negative begin": (
        lambda: gradtx.polynomial_schedule(1.0, 0.0, 2, 10, -5),
        "polynomial_schedule: transition_begin must be at least 0, got -5",
    ),
    "negative power": (
        lambda: gradtx.polynomial_schedule(1.0, 0.0, -2, 10),
        "polynomial_schedule: power must be at least 0, got -2",
    ),
    "NaN": (
        lambda: gradtx.linear_schedule(float("nan"), 0.0, 1),
        "linear_schedule: init_value must be a number",
    ),
    "zero decay rate": (
        lambda: gradtx.exponential_decay(1.0, 10, 0.0),
        "exponential_decay: decay_rate must be above 0, got 0.0",
    ),
    "exponential steps": (
        lambda: gradtx.step_decay_schedule(1.0, -10),
        "step_decay_schedule: transition_steps must be whole and at least 1, got -10",
    ),
    "cosine without steps": (
        lambda: gradtx.cosine_decay_schedule(1.0, 0),
        "cosine_decay_schedule: decay_steps must be above 0 and below inf, got 0",
    ),
    "negative annealing": (
        lambda: gradtx.cosine_annealing_schedule(1.0, -3),
        "cosine_annealing_schedule: decay_steps must be at least 0 and below inf, got -3",
    ),
    "empty cycle": (
        lambda: gradtx.cosine_restarts_schedule(1.0, 0),
        "cosine_restarts_schedule: cycle_steps must be at least 1 and below inf, got 0",
    ),
    "shrinking cycles": (
        lambda: gradtx.cosine_restarts_schedule(1.0, 4, 0.5),
        "cosine_restarts_schedule: cycle_growth must be at least 1 and below inf, got 0.5",
    ),
    "timescale": (
        lambda: gradtx.inverse_sqrt_schedule(1.0, 0),
        "inverse_sqrt_schedule: timescale must be above 0 and below inf, got 0",
    ),
    "no model": (
        lambda: gradtx.noam_schedule(0),
        "noam_schedule: model_size must be above 0 and below inf, got 0",
    ),
    "noam without warmup": (
        lambda: gradtx.noam_schedule(64, 0),
        "noam_schedule: warmup_steps must be at least 1 and below inf, got 0",
    ),
    "T5 without warmup": (
        lambda: gradtx.t5_schedule(0),
        "t5_schedule: warmup_steps must be above 0 and below inf, got 0",
    ),
    "warmup as long as the whole": (
        lambda: gradtx.warmup_cosine_decay_schedule(**{**WARMUP_COSINE, "decay_steps": 10}),
        r"decay_steps counts from the first update and must exceed warmup_steps=10\.0, got decay_steps=10\.0",
    ),
    "warmup longer than the whole": (
        lambda: gradtx.warmup_cosine_floor_schedule(1.0, 10, 5),
        r"warmup_cosine_floor_schedule: decay_steps counts .*warmup_steps=10\.0, got decay_steps=5\.0",
    ),
    "negative warmup": (
        lambda: gradtx.warmup_cosine_decay_schedule(**{**WARMUP_COSINE, "warmup_steps": -1}),
        "warmup_cosine_decay_schedule: warmup_steps must be at least 0 and below inf, got -1",
    ),
    "negative linear warmup": (
        lambda: gradtx.linear_warmup_schedule(-1),
        "linear_warmup_schedule: warmup_steps must be at least 0",
    ),
    "a cycle of an SGDR that is all warmup": (
        lambda: gradtx.sgdr_schedule([WARMUP_COSINE, {**WARMUP_COSINE, "decay_steps": 10}]),
        "must exceed warmup_steps=10",
    ),
    "negative stable phase": (
        lambda: gradtx.warmup_stable_decay_schedule(**{**WSD, "stable_steps": -1}),
        "warmup_stable_decay_schedule: stable_steps must be at least 0 and below inf, got -1",
    ),
    "unknown cooldown": (
        lambda: gradtx.warmup_stable_decay_schedule(**WSD, shape="sqrt"),
        "warmup_stable_decay_schedule: shape must be one of 'linear', '1-sqrt', got 'sqrt'",
    ),
    "unknown interpolation": (
        lambda: gradtx.piecewise_interpolate_schedule("cubic", 1.0, {3: 0.5}),
        "interpolate_type must be one of 'linear', 'cosine', got 'cubic'",
    ),
    "negative scale": (
        lambda: gradtx.piecewise_constant_schedule(1.0, {3: 0.5, 7: -0.5}),
        "piecewise_constant_schedule: the scale at 7 must be at least 0, got -0.5",
    ),
    "negative boundary": (
        lambda: gradtx.piecewise_interpolate_schedule("linear", 1.0, {-3: 0.5}),
        "piecewise_interpolate_schedule: a boundary must be at least 0, got -3",
    ),
    "one-cycle of no steps": (
        lambda: gradtx.cosine_onecycle_schedule(0, 1.0),
        "cosine_onecycle_schedule: transition_steps must be above 0 and below inf, got 0",
    ),
    "one-cycle division by zero": (
        lambda: gradtx.linear_onecycle_schedule(10, 1.0, final_div_factor=0.0),
        "linear_onecycle_schedule: final_div_factor must be above 0, got 0.0",
    ),
    "one-cycle that goes back": (
        lambda: gradtx.linear_onecycle_schedule(100, 1.0, pct_start=0.9),
        r"linear_onecycle_schedule: pct_final must be at least pct_start=0\.9, got 0\.85",
    ),
    "unsorted boundaries": (
        lambda: gradtx.join_schedules([1.0, 2.0, 3.0], [20, 10]),
        r"join_schedules: boundaries must not decrease, got \(20\.0, 10\.0\)",
    ),
    "negative join": (
        lambda: gradtx.join_schedules([1.0, 2.0], [-1]),
        "join_schedules: a boundary must be at least 0, got -1",
    ),
    "too few boundaries": (
        lambda: gradtx.join_schedules([1.0, 2.0, 3.0], [10]),
        "join_schedules: 3 schedules need 2 boundaries between them, got 1",
    ),
    "no schedules": (lambda: gradtx.join_schedules([], []), "join_schedules: 0 schedules need"),
    "empty batch": (
        lambda: gradtx.scaled_learning_rate(0.1, 0),
        "scaled_learning_rate: batch_size must be above 0, got 0",
    ),
    "empty base batch": (
        lambda: gradtx.scaled_learning_rate(0.1, 256, -1),
        "scaled_learning_rate: base_batch_size must be above 0, got -1",
    ),
    "step decay with arguments in another order": (
        lambda: gradtx.step_decay_schedule(0.1, 0.5, 10),
        "step_decay_schedule: transition_steps must be whole and at least 1, got 0.5",
    ),
    "step decay that grows": (
        lambda: gradtx.step_decay_schedule(0.1, 10, 1.5),
        "step_decay_schedule: decay_rate must be above 0 and at most 1, got 1.5",
    ),
    "floor in epochs": (
        lambda: gradtx.warmup_cosine_floor_schedule(0.1, 0.5, 10),
        "warmup_cosine_floor_schedule: warmup_steps must be whole and at least 0, got 0.5",
    ),
    "floor of half a step": (
        lambda: gradtx.warmup_cosine_floor_schedule(0.1, 1, 10.5),
        "warmup_cosine_floor_schedule: decay_steps must be whole and at least 1, got 10.5",
    ),
    "floor of no steps": (
        lambda: gradtx.warmup_cosine_floor_schedule(0.1, 0, 0),
        "warmup_cosine_floor_schedule: decay_steps must be whole and at least 1, got 0",
    ),
    "no cycle": (
        lambda: gradtx.sgdr_schedule([]),
        "sgdr_schedule: cosine_kwargs must have at least one cycle",
    ),
    "unknown rule": (
        lambda: gradtx.scaled_learning_rate(0.1, 256, rule="cubic"),
        "scaled_learning_rate: rule must be one of 'linear', 'sqrt', got 'cubic'",
    ),
    "negative batch warmup": (
        lambda: gradtx.scaled_learning_rate(0.1, 256, warmup_steps=-1),
        "transition_steps must be at least 0",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name(name):
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        make()


WRONG_TYPES = {
    "text for a boundary": (
        lambda: gradtx.join_schedules([1.0, 2.0], ["ten"]),
        "join_schedules: a boundary must be one number, got 'ten'",
    ),
    "text": (lambda: gradtx.linear_schedule("1e-3", 0.0, 10), "linear_schedule: init_value must be a number"),
    "flag": (
        lambda: gradtx.polynomial_schedule(1.0, 0.0, True, 10),
        "polynomial_schedule: power must be a number",
    ),
    "array": (
        lambda: gradtx.cosine_decay_schedule(jnp.ones(3), 10),
        r"cosine_decay_schedule: init_value must be one number, got an array of shape \(3,\)",
    ),
    "schedule": (
        lambda: gradtx.linear_schedule(gradtx.constant_schedule(1.0), 0.0, 10),
        "linear_schedule: init_value must be a number",
    ),
    "None": (
        lambda: gradtx.exponential_decay(1.0, 10, None),
        "exponential_decay: decay_rate must be a number",
    ),
    "text for steps": (
        lambda: gradtx.warmup_cosine_decay_schedule(0.0, 1.0, 10, "20"),
        "warmup_cosine_decay_schedule: decay_steps must be a number, got '20'",
    ),
    "text for a batch": (
        lambda: gradtx.scaled_learning_rate(0.1, "256"),
        "scaled_learning_rate: batch_size must be one number, got '256'",
    ),
    "text for a schedule": (
        lambda: gradtx.join_schedules(["1", 2.0], [10]),
        "A schedule must be a function of the count or a number, got '1'",
    ),
}


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_a_wrong_type_is_refused_by_name(name):
    make, message = WRONG_TYPES[name]
    with pytest.raises(TypeError, match=message):
        make()

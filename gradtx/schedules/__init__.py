"""Schedules: functions from the count of updates to a number, and their injection into the state."""

from gradtx.core import Schedule as Schedule, constant_schedule as constant_schedule
from gradtx.schedules._ademamix import ademamix_alpha_schedule, ademamix_b3_schedule
from gradtx.schedules._batch_scaling import scaled_learning_rate
from gradtx.schedules._checks import require as require
from gradtx.schedules._cooldown import one_minus_sqrt_schedule, warmup_stable_decay_schedule
from gradtx.schedules._cosine import cosine_annealing_schedule, cosine_decay_schedule
from gradtx.schedules._decay import (
    exponential_decay,
    linear_schedule,
    polynomial_schedule,
    step_decay_schedule,
)
from gradtx.schedules._inject import inject
from gradtx.schedules._inject_hyperparams import inject_hyperparams, inject_stateful_hyperparams
from gradtx.schedules._injection import InjectHyperparamsState, InjectStatefulHyperparamsState
from gradtx.schedules._inverse_sqrt import (
    inverse_sqrt_schedule,
    noam_schedule,
    relative_step_schedule,
    t5_schedule,
)
from gradtx.schedules._join import join_schedules
from gradtx.schedules._onecycle import cosine_onecycle_schedule, linear_onecycle_schedule
from gradtx.schedules._piecewise import piecewise_constant_schedule, piecewise_interpolate_schedule
from gradtx.schedules._restarts import cosine_restarts_schedule, sgdr_schedule
from gradtx.schedules._stateful import StatefulSchedule, WrappedSchedule, WrappedScheduleState
from gradtx.schedules._warmup import (
    linear_warmup_schedule,
    warmup_constant_schedule,
    warmup_cosine_decay_schedule,
    warmup_cosine_floor_schedule,
    warmup_exponential_decay_schedule,
)
from gradtx.schedules._weight_decay import corrected_weight_decay

__all__ = [
    "InjectHyperparamsState",
    "InjectStatefulHyperparamsState",
    "StatefulSchedule",
    "WrappedSchedule",
    "WrappedScheduleState",
    "ademamix_alpha_schedule",
    "ademamix_b3_schedule",
    "corrected_weight_decay",
    "cosine_annealing_schedule",
    "cosine_decay_schedule",
    "cosine_onecycle_schedule",
    "cosine_restarts_schedule",
    "exponential_decay",
    "inject",
    "inject_hyperparams",
    "inject_stateful_hyperparams",
    "inverse_sqrt_schedule",
    "join_schedules",
    "linear_onecycle_schedule",
    "linear_schedule",
    "linear_warmup_schedule",
    "noam_schedule",
    "one_minus_sqrt_schedule",
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
    "polynomial_schedule",
    "relative_step_schedule",
    "scaled_learning_rate",
    "sgdr_schedule",
    "step_decay_schedule",
    "t5_schedule",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_cosine_floor_schedule",
    "warmup_exponential_decay_schedule",
    "warmup_stable_decay_schedule",
]

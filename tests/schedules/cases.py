"""Every public schedule, beside its definition in float64, written from the paper or the documentation."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import gradtx
from gradtx import Schedule

COUNTS = range(101)  # every finite schedule here ends before count 90


def reciprocal(count: Any) -> Any:
    """A plain function as a schedule."""
    return 1.0 / (1.0 + count.astype(float))


def part(t: float, steps: float) -> float:
    return min(max(t, 0), steps) / steps


def cosine(p: float) -> float:
    # (1 + cos(pi p)) / 2, without its cancellation close to p = 1
    return math.cos(math.pi * p / 2) ** 2 if p < 0.5 else math.sin(math.pi * (1 - p) / 2) ** 2


def warm(t: int, init: float, peak: float, steps: int, then: Callable[[int], float]) -> float:
    return init + (peak - init) * t / steps if t < steps else then(t - steps)


def restarts(t: int) -> float:
    begin, length = 0.0, 16.0
    while t >= begin + length:
        begin, length = begin + length, 1.5 * length
    return 0.05 + (0.4 - 0.05) * cosine((t - begin) / length)


def interpolated(t: int, shape: Callable[[float], float]) -> float:
    points = [(0, 0.4), (10, 0.8), (30, 0.2), (70, 0.05)]
    for (begin, here), (end, there) in pairwise(points):
        if begin <= t < end:
            return there + (here - there) * shape((t - begin) / (end - begin))
    return 0.05


def one_cycle(t: int) -> float:
    if t < 26:  # floor(0.33 * 80)
        return 0.1 + (0.4 - 0.1) * (1 - cosine(t / 26))
    return 0.02 + (0.4 - 0.02) * cosine(part(t - 26, 80 - 26))


def three_lines(t: int) -> float:
    if t < 26:
        return 0.1 + (0.4 - 0.1) * t / 26
    if t < 60:  # floor(0.76 * 80)
        return 0.4 + (0.1 - 0.4) * (t - 26) / (60 - 26)
    return 0.1 + (0.02 - 0.1) * part(t - 60, 80 - 60)


def cycles(t: int) -> float:
    if t < 30:
        return warm(t, 0.1, 0.4, 10, lambda n: 0.05 + 0.35 * cosine(n / 20) ** 2.0)
    return warm(t - 30, 0.0, 0.3, 5, lambda n: 0.02 + 0.28 * cosine(part(n, 35)))


def cooldown(t: int, shape: Callable[[float], float]) -> float:
    if t < 10:
        return 0.1 + 0.3 * t / 10
    return 0.4 if t < 40 else 0.05 + 0.35 * shape(part(t - 40, 30))


def half_life(n: int) -> float:
    """Pagliardini et al. (2024), the beta_3 scheduler of section 3, from 0.6 to 0.99 in 50 steps."""
    start, end, p = math.log(0.6), math.log(0.99), part(n, 50)
    return min(math.exp(start * end / ((1 - p) * end + p * start)), 0.99)


CYCLES = (
    {
        "init_value": 0.1,
        "peak_value": 0.4,
        "warmup_steps": 10,
        "decay_steps": 30,
        "end_value": 0.05,
        "exponent": 2,
    },
    {"init_value": 0.0, "peak_value": 0.3, "warmup_steps": 5, "decay_steps": 40, "end_value": 0.02},
)
WSD = {"init_value": 0.1, "peak_value": 0.4, "warmup_steps": 10, "stable_steps": 30, "decay_steps": 30}

# By name, with a suffix for further cases of the same maker: the schedule, and its value by definition.
CASES: dict[str, tuple[Schedule, Callable[[int], float]]] = {
    "constant_schedule": (gradtx.constant_schedule(0.3), lambda t: 0.3),
    "schedule_from": (gradtx.schedule_from(reciprocal), lambda t: 1 / (1 + t)),
    "linear_schedule": (
        gradtx.linear_schedule(0.4, 0.05, 50, transition_begin=20),
        lambda t: 0.4 + (0.05 - 0.4) * part(t - 20, 50),
    ),
    "linear_schedule to zero": (gradtx.linear_schedule(0.4, 0, 70), lambda t: 0.4 * (70 - min(t, 70)) / 70),
    "polynomial_schedule": (
        gradtx.polynomial_schedule(0.4, 0.05, 2.5, 50, transition_begin=20),
        lambda t: 0.05 + (0.4 - 0.05) * (1 - part(t - 20, 50)) ** 2.5,
    ),
    "exponential_decay": (
        gradtx.exponential_decay(0.4, 10, 0.75, transition_begin=5, end_value=0.05),
        lambda t: max(0.4 * 0.75 ** (max(t - 5, 0) / 10), 0.05),
    ),
    "exponential_decay, growing stairs": (
        gradtx.exponential_decay(0.1, 7, 1.25, transition_begin=5, staircase=True, end_value=0.4),
        lambda t: min(0.1 * 1.25 ** (max(t - 5, 0) // 7), 0.4),
    ),
    "step_decay_schedule": (gradtx.step_decay_schedule(0.4, 7, 0.75), lambda t: 0.4 * 0.75 ** (t // 7)),
    "inverse_sqrt_schedule": (gradtx.inverse_sqrt_schedule(0.4, 30), lambda t: 0.4 / math.sqrt(1 + t / 30)),
    "noam_schedule": (
        gradtx.noam_schedule(64, 30),
        lambda t: 64**-0.5 * min((t + 1) ** -0.5, (t + 1) * 30**-1.5),
    ),
    "relative_step_schedule": (gradtx.relative_step_schedule(0.2), lambda t: min(0.2, (t + 1) ** -0.5)),
    "t5_schedule": (gradtx.t5_schedule(30), lambda t: 1 / math.sqrt(max(t, 30))),
    "ademamix_b3_schedule": (gradtx.ademamix_b3_schedule(0.99, 50, b1=0.6), lambda t: half_life(t + 1)),
    "ademamix_b3_schedule from 0": (
        gradtx.ademamix_b3_schedule(0.9, 10, b1=0.0),
        lambda t: 0.9 ** (10 / min(t + 1, 10)),
    ),
    "ademamix_alpha_schedule": (gradtx.ademamix_alpha_schedule(0.4, 50), lambda t: 0.4 * part(t + 1, 50)),
    "cosine_annealing_schedule": (
        gradtx.cosine_annealing_schedule(0.4, 70, end_value=0.05, exponent=1.5),
        lambda t: 0.05 + (0.4 - 0.05) * cosine(part(t, 70)) ** 1.5,
    ),
    "cosine_annealing_schedule to zero": (
        gradtx.cosine_annealing_schedule(0.4, 70),
        lambda t: 0.4 * cosine(part(t, 70)),
    ),
    "cosine_decay_schedule": (
        gradtx.cosine_decay_schedule(0.4, 70, alpha=0.25, exponent=1.5),
        lambda t: 0.4 * ((1 - 0.25) * cosine(part(t, 70)) ** 1.5 + 0.25),
    ),
    "cosine_restarts_schedule": (gradtx.cosine_restarts_schedule(0.4, 16, 1.5, end_value=0.05), restarts),
    "cosine_restarts_schedule, equal": (
        gradtx.cosine_restarts_schedule(0.4, 7, end_value=0.05),
        lambda t: 0.05 + (0.4 - 0.05) * cosine(t % 7 / 7),
    ),
    "sgdr_schedule": (gradtx.sgdr_schedule(CYCLES), cycles),
    "sgdr_schedule, three cycles": (
        gradtx.sgdr_schedule((CYCLES[0], CYCLES[0], CYCLES[1])),
        lambda t: cycles(t) if t < 30 else cycles(t - 30),
    ),
    "piecewise_constant_schedule": (
        gradtx.piecewise_constant_schedule(0.4, {50: 0.25, 20: 0.5}),
        lambda t: 0.4 if t < 20 else 0.2 if t < 50 else 0.05,
    ),
    "piecewise_interpolate_schedule": (
        gradtx.piecewise_interpolate_schedule("linear", 0.4, {10: 2, 70: 0.25, 30: 0.25}),
        lambda t: interpolated(t, lambda p: 1 - p),
    ),
    "piecewise_interpolate_schedule, cosine": (
        gradtx.piecewise_interpolate_schedule("cosine", 0.4, {10: 2, 70: 0.25, 30: 0.25}),
        lambda t: interpolated(t, cosine),
    ),
    "cosine_onecycle_schedule": (gradtx.cosine_onecycle_schedule(80, 0.4, 0.33, 4.0, 5.0), one_cycle),
    "linear_onecycle_schedule": (gradtx.linear_onecycle_schedule(80, 0.4, 0.33, 0.76, 4.0, 5.0), three_lines),
    "linear_warmup_schedule": (
        gradtx.linear_warmup_schedule(20, 0.4, 0.1),
        lambda t: 0.1 + 0.3 * part(t, 20),
    ),
    "warmup_constant_schedule": (
        gradtx.warmup_constant_schedule(0.1, 0.4, 20),
        lambda t: 0.1 + 0.3 * part(t, 20),
    ),
    "warmup_cosine_decay_schedule": (
        gradtx.warmup_cosine_decay_schedule(0.1, 0.4, 20, 80, end_value=0.05, exponent=1.5),
        lambda t: warm(t, 0.1, 0.4, 20, lambda n: 0.05 + 0.35 * cosine(part(n, 80 - 20)) ** 1.5),
    ),
    "warmup_cosine_floor_schedule": (
        gradtx.warmup_cosine_floor_schedule(0.4, 20, 80, floor=0.2, init_value=0.1),
        lambda t: warm(t, 0.1, 0.4, 20, lambda n: 0.08 + 0.32 * cosine(part(n, 80 - 20))),
    ),
    "warmup_cosine_floor_schedule, defaults": (
        gradtx.warmup_cosine_floor_schedule(0.4, 20, 80),
        lambda t: warm(t, 0.0, 0.4, 20, lambda n: 0.04 + 0.36 * cosine(part(n, 80 - 20))),
    ),
    "warmup_exponential_decay_schedule": (
        gradtx.warmup_exponential_decay_schedule(0.1, 0.4, 20, 10, 0.75, 5, staircase=True, end_value=0.15),
        lambda t: warm(t, 0.1, 0.4, 20, lambda n: max(0.4 * 0.75 ** (max(n - 5, 0) // 10), 0.15)),
    ),
    "one_minus_sqrt_schedule": (
        gradtx.one_minus_sqrt_schedule(0.4, 0.05, 50, transition_begin=20),
        lambda t: 0.05 + (0.4 - 0.05) * (1 - math.sqrt(part(t - 20, 50))),
    ),
    "warmup_stable_decay_schedule": (
        gradtx.warmup_stable_decay_schedule(**WSD, end_value=0.05),
        lambda t: cooldown(t, lambda p: 1 - p),
    ),
    "warmup_stable_decay_schedule, 1-sqrt": (
        gradtx.warmup_stable_decay_schedule(**WSD, end_value=0.05, shape="1-sqrt"),
        lambda t: cooldown(t, lambda p: 1 - math.sqrt(p)),
    ),
    "join_schedules": (
        gradtx.join_schedules([gradtx.linear_schedule(0.1, 0.4, 10), reciprocal, 0.25], [20, 60]),
        lambda t: 0.1 + 0.3 * part(t, 10) if t < 20 else 1 / (1 + t - 20) if t < 60 else 0.25,
    ),
    "scaled_learning_rate": (
        gradtx.scaled_learning_rate(0.1, 1024, 256, rule="sqrt", warmup_steps=20),
        lambda t: 0.1 + 0.1 * part(t, 20),
    ),
    "corrected_weight_decay": (
        gradtx.corrected_weight_decay(0.2, gradtx.linear_schedule(0.4, 0.05, 50, transition_begin=20), 0.8),
        lambda t: 0.2 * (0.4 + (0.05 - 0.4) * part(t - 20, 50)) / 0.8,
    ),
    "+": (gradtx.linear_schedule(0.4, 0.0, 80) + 0.1, lambda t: 0.4 * (1 - part(t, 80)) + 0.1),
    "-": (0.5 - gradtx.linear_schedule(0.4, 0.0, 80), lambda t: 0.5 - 0.4 * (1 - part(t, 80))),
    "*": (
        gradtx.linear_warmup_schedule(10) * gradtx.inverse_sqrt_schedule(0.4, 30),
        lambda t: part(t, 10) * 0.4 / math.sqrt(1 + t / 30),
    ),
}

SCHEDULES = {name: schedule for name, (schedule, _) in CASES.items()}

"""Each rule that is written directly equals its sentence: the concepts that it is made of, put together."""

from typing import Any

import pytest

from gradtx import (
    accumulate_squares,
    adagrad,
    adam,
    adam_l2,
    adamw,
    add,
    add_decayed_weights,
    amsgrad,
    chain,
    correct_bias,
    divide,
    ema,
    first_moment,
    identity,
    lamb,
    lion,
    multiply,
    nesterov,
    rmsprop,
    running_max,
    scale,
    scale_by_adam,
    scale_by_amsgrad,
    scale_by_lamb,
    scale_by_lars,
    scale_by_learning_rate,
    scale_by_lion,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
    scale_by_trust_ratio,
    second_moment,
    sgd,
    sign,
    sqrt,
    square,
    subtract,
    trace,
)
from tests.trajectories import (
    gradients,
    in_precision_of,
    parameters,
    rate,
    relative_error,
    rising,
    trajectory,
)

B1, B2, EPS, EPS_ROOT, START, DECAY, MU = 0.85, 0.97, 1e-2, 2e-2, 0.3, 0.2, 0.7
MASK = {"matrix": True, "scalar": False}

m_hat = chain(first_moment(B1), correct_bias(B1))
v_hat = chain(second_moment(B2), correct_bias(B2))
raw_square = second_moment(B2, START)
rms_inside = divide(identity(), chain(raw_square, sqrt(EPS)))
rms_outside = divide(identity(), chain(raw_square, sqrt()), EPS)
variance = subtract(raw_square, chain(first_moment(B2), square()))
adam_direction = divide(m_hat, chain(v_hat, sqrt(EPS_ROOT)), EPS)
# The raw average and the gradient itself, each corrected for its own number of steps.
m_ahead = add(
    chain(first_moment(B1), correct_bias(B1, lookahead=1), scale(B1)),
    chain(scale(1 - B1), correct_bias(B1)),
)

DIRECTIONS = {
    "ema": (ema(B1), m_hat),
    "ema, raw": (ema(B1, debias=False), first_moment(B1)),
    "adam": (scale_by_adam(B1, B2, EPS, EPS_ROOT), adam_direction),
    "nadam": (
        scale_by_adam(B1, B2, EPS, EPS_ROOT, nesterov=True),
        divide(m_ahead, chain(v_hat, sqrt(EPS_ROOT)), EPS),
    ),
    "amsgrad": (
        scale_by_amsgrad(B1, B2, EPS, EPS_ROOT),
        divide(m_hat, chain(v_hat, running_max(), sqrt(EPS_ROOT)), EPS),
    ),
    "amsgrad, raw": (
        scale_by_amsgrad(B1, B2, EPS, EPS_ROOT, None, False, False),
        divide(first_moment(B1), chain(second_moment(B2), running_max(), sqrt(EPS_ROOT)), EPS),
    ),
    "rms, inside": (scale_by_rms(B2, EPS, START), rms_inside),
    "rms, outside": (scale_by_rms(B2, EPS, START, eps_in_sqrt=False), rms_outside),
    "rms, debiased": (
        scale_by_rms(B2, EPS, START, bias_correction=True),
        divide(identity(), chain(raw_square, correct_bias(B2), sqrt(EPS))),
    ),
    "stddev, inside": (scale_by_stddev(B2, EPS, START), divide(identity(), chain(variance, sqrt(EPS)))),
    "stddev, outside": (
        scale_by_stddev(B2, EPS, START, eps_in_sqrt=False),
        divide(identity(), chain(variance, sqrt()), EPS),
    ),
    "rss": (
        scale_by_rss(START, EPS),
        divide(identity(), chain(accumulate_squares(START), sqrt(EPS))),
    ),
    "lamb": (
        scale_by_lamb(B1, B2, EPS, EPS_ROOT, DECAY, MASK, trust_ratio_mask=MASK, norm_bounds=(0.5, 2.0)),
        chain(
            adam_direction,
            add_decayed_weights(DECAY, MASK),
            scale_by_trust_ratio(norm_bounds=(0.5, 2.0), mask=MASK),
        ),
    ),
    "lars without decay": (
        scale_by_lars(0.0, None, MU, EPS),
        scale_by_trust_ratio(trust_coefficient=MU, eps=EPS),
    ),
    "lion with one average": (scale_by_lion(B1, B1), chain(first_moment(B1), sign())),
    "nesterov": (trace(MU, nesterov=True), add(identity(), chain(trace(MU), scale(MU)))),
    "square": (square(), multiply(identity(), identity())),
}

OPTIMIZERS = {
    "sgd": (sgd(rate), scale_by_learning_rate(rate)),
    "momentum": (sgd(rate, MU), chain(trace(MU), scale_by_learning_rate(rate))),
    "nesterov": (
        nesterov(rate, MU),
        chain(add(identity(), chain(trace(MU), scale(MU))), scale_by_learning_rate(rate)),
    ),
    "adam": (adam(rate, B1, B2, EPS, EPS_ROOT), chain(adam_direction, scale_by_learning_rate(rate))),
    "adamw": (
        adamw(rate, B1, B2, EPS, EPS_ROOT, weight_decay=DECAY, mask=MASK),
        chain(adam_direction, add_decayed_weights(DECAY, MASK), scale_by_learning_rate(rate)),
    ),
    "adam_l2": (
        adam_l2(rate, B1, B2, EPS, EPS_ROOT, weight_decay=DECAY, mask=MASK),
        chain(add_decayed_weights(DECAY, MASK), adam_direction, scale_by_learning_rate(rate)),
    ),
    "amsgrad": (
        amsgrad(rate, B1, B2, EPS, EPS_ROOT),
        chain(DIRECTIONS["amsgrad"][1], scale_by_learning_rate(rate)),
    ),
    "lamb": (
        lamb(rate, B1, B2, EPS, EPS_ROOT, DECAY, MASK),
        chain(
            adam_direction,
            add_decayed_weights(DECAY, MASK),
            scale_by_trust_ratio(),
            scale_by_learning_rate(rate),
        ),
    ),
    "lion": (
        lion(rate, B1, B1, weight_decay=DECAY, mask=MASK),
        chain(first_moment(B1), sign(), add_decayed_weights(DECAY, MASK), scale_by_learning_rate(rate)),
    ),
    "adagrad": (adagrad(rate, START, EPS), chain(DIRECTIONS["rss"][1], scale_by_learning_rate(rate))),
    "rmsprop": (
        rmsprop(rate, B2, EPS, START, centered=True, momentum=MU),
        chain(DIRECTIONS["stddev, inside"][1], scale_by_learning_rate(rate), trace(MU)),
    ),
}


@pytest.mark.parametrize(("rule", "sentence"), DIRECTIONS.values(), ids=DIRECTIONS)
def test_rule_equals_its_sentence(rule, sentence):
    """In double precision, where only the order of a few roundings differs."""
    assert _distance(rule, sentence) < 1e-13


@pytest.mark.parametrize(("optimizer", "sentence"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizer_equals_its_sentence(optimizer, sentence):
    assert _distance(optimizer, sentence) < 1e-13


@pytest.mark.parametrize(
    "complex_rule", ["adam", "nadam", "rms, inside", "stddev, inside", "rss", "nesterov"]
)
def test_rule_equals_its_sentence_for_complex_parameters(complex_rule):
    """Single precision: the sentence passes complex squares where the rule has real ones."""
    assert _distance(*DIRECTIONS[complex_rule], dtype="complex64") < 1e-6


def test_a_scheduled_rate_inside_the_velocity_is_another_rule():
    """v = mu v - rate g (TensorFlow, RMSprop's momentum) against rate (mu v + g) (PyTorch, `sgd`)."""
    assert _distance(_inside(0.1), sgd(0.1, MU)) < 1e-13
    assert _distance(_inside(rate), sgd(rate, MU)) > 0.1


def test_a_sentence_takes_schedules_where_the_rule_does():
    rule = scale_by_rms(rising, EPS, START)
    assert _distance(rule, divide(identity(), chain(second_moment(rising, START), sqrt(EPS)))) < 1e-13


def _inside(learning_rate: Any) -> Any:
    return chain(scale_by_learning_rate(learning_rate), trace(MU))


def _distance(left: Any, right: Any, dtype: str = "float64") -> float:
    """The largest difference between the updates of two transformations over 12 steps, relative."""
    params, steps = parameters(dtype), gradients(dtype, 12)
    with in_precision_of(dtype):
        (a, *_), (b, *_) = trajectory(left, params, steps), trajectory(right, params, steps)
    return relative_error(a, b)

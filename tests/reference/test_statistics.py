"""The concepts, each alone: averages, sums and maxima of gradients, bias correction, elementwise maps."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradtx import (
    accumulate_squares,
    bias_correction,
    chain,
    ema,
    first_moment,
    running_max,
    scale,
    scale_by_learning_rate,
    scale_by_schedule,
    second_moment,
    sign,
    sqrt,
    square,
)
from tests.trajectories import TOLERANCE, distance, leafwise, rate, rising

DECAY = 0.8
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE))


@leafwise
def weighted_mean(
    theta: Any, gradients: list[Any], power: int, debias: bool, start: float = 0.0
) -> Iterator[Any]:
    """Kingma and Ba (2015), section 3, equation 1: the average as the sum that its recursion stands for."""
    values = [g if power == 1 else np.abs(g) ** 2 for g in gradients]
    for t in range(1, len(values) + 1):
        weights = (1 - DECAY) * DECAY ** np.arange(t - 1, -1, -1)
        average = start * DECAY**t + sum(w * x for w, x in zip(weights, values[:t], strict=True))
        theta = theta - rate(t - 1) * (average / weights.sum() if debias else average)
        yield theta


@leafwise
def average(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """The recursion of the first moment, with a decay that is scheduled."""
    mu = 0.0
    for t, g in enumerate(gradients):
        mu = rising(t) * mu + (1 - rising(t)) * g
        theta = theta - rate(t) * mu
        yield theta


@leafwise
def corrected(theta: Any, gradients: list[Any], lookahead: int) -> Iterator[Any]:
    """Kingma and Ba (2015), section 3: division by 1 - b**t."""
    for t, g in enumerate(gradients, start=1):
        theta = theta - rate(t - 1) * g / (1 - DECAY ** (t + lookahead))
        yield theta


@leafwise
def mapped(theta: Any, gradients: list[Any], function: Any) -> Iterator[Any]:
    """A function of all gradients so far, as the direction of descent."""
    for t in range(len(gradients)):
        theta = theta - rate(t) * function(np.stack(gradients[: t + 1]))
        yield theta


def descend(tx: Any) -> Any:
    """Gradient descent along what `tx` makes of the gradient."""
    return chain(tx, scale_by_learning_rate(rate))


CONCEPTS = [
    (ema(DECAY), weighted_mean(1, debias=True)),
    (ema(DECAY, debias=False), weighted_mean(1, debias=False)),
    (first_moment(DECAY), weighted_mean(1, debias=False)),
    (first_moment(rising), average()),
    (second_moment(DECAY, initial_value=0.3), weighted_mean(2, debias=False, start=0.3)),
    (bias_correction(DECAY), corrected(0)),
    (bias_correction(DECAY, lookahead=2), corrected(2)),
    (accumulate_squares(0.3), mapped(lambda g: 0.3 + np.sum(np.abs(g) ** 2, axis=0))),
    (sign(), mapped(lambda g: g[-1] / np.abs(g[-1]))),
    (square(), mapped(lambda g: np.abs(g[-1]) ** 2)),
    (chain(square(), sqrt(eps_root=0.1)), mapped(lambda g: np.sqrt(np.abs(g[-1]) ** 2 + 0.1))),
    (chain(scale(-0.7), scale_by_schedule(rate)), mapped(lambda g: -0.7 * rate(len(g) - 1) * g[-1])),
]


@DTYPES
@pytest.mark.parametrize(("tx", "rule"), CONCEPTS, ids=[repr(tx) for tx, _ in CONCEPTS])
def test_concept(tx, rule, dtype):
    assert distance(descend(tx), rule, dtype) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_running_max(dtype):
    assert (
        distance(descend(running_max()), mapped(lambda g: np.max(g, axis=0).clip(0)), dtype)
        < TOLERANCE[dtype]
    )


def test_running_max_of_complex_updates_is_of_their_magnitude():
    rule = mapped(lambda g: np.max(np.abs(g), axis=0))
    assert distance(descend(running_max()), rule, "complex64") < TOLERANCE["complex64"]

"""RMSprop, plain and centred, against Tieleman and Hinton (2012) and Graves (2013), in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradtx import chain, rmsprop, scale_by_learning_rate, scale_by_rms, scale_by_stddev
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate, rising

DECAY, EPS, SCALE, MOMENTUM = 0.8, 1e-2, 0.3, 0.7
FORMS = pytest.mark.parametrize(
    ("inside", "debias"), [(True, False), (False, False), (True, True), (False, True)]
)


@leafwise
def tieleman_hinton(
    theta: Any, gradients: list[Any], inside: bool = True, debias: bool = False, decay: Any = lambda t: DECAY
) -> Iterator[Any]:
    """Tieleman and Hinton (2012), slide 29, with epsilon in or out of the root, debiased as in Adam."""
    r = SCALE
    for t, g in enumerate(gradients, start=1):
        r = decay(t - 1) * r + (1 - decay(t - 1)) * np.abs(g) ** 2
        square = r / (1 - DECAY**t) if debias else r
        root = np.sqrt(square + EPS) if inside else np.sqrt(square) + EPS
        theta = theta - rate(t - 1) * g / root
        yield theta


@leafwise
def graves(
    theta: Any,
    gradients: list[Any],
    inside: bool = True,
    debias: bool = False,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> Iterator[Any]:
    """Graves (2013), equations 38 to 42: n, g-bar, and a momentum of steps, here of Nesterov's kind too."""
    n, g_bar, delta = SCALE, 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        n = DECAY * n + (1 - DECAY) * np.abs(g) ** 2
        g_bar = DECAY * g_bar + (1 - DECAY) * g
        weight = 1 - DECAY**t if debias else 1.0
        variance = n / weight - np.abs(g_bar / weight) ** 2
        step = -rate(t - 1) * g / (np.sqrt(variance + EPS) if inside else np.sqrt(variance) + EPS)
        delta = momentum * delta + step
        theta = theta + (momentum * delta + step if nesterov else delta)
        yield theta


@DTYPES
@FORMS
def test_rms(dtype, inside, debias):
    tx = chain(scale_by_rms(DECAY, EPS, SCALE, inside, debias), scale_by_learning_rate(rate))
    assert distance(tx, tieleman_hinton(inside, debias), dtype) < TOLERANCE[dtype]


@DTYPES
@FORMS
def test_stddev(dtype, inside, debias):
    tx = chain(scale_by_stddev(DECAY, EPS, SCALE, inside, debias), scale_by_learning_rate(rate))
    assert distance(tx, graves(inside, debias), dtype) < TOLERANCE[dtype]


@DTYPES
def test_rms_with_a_scheduled_decay(dtype):
    tx = chain(scale_by_rms(rising, EPS, SCALE), scale_by_learning_rate(rate))
    assert distance(tx, tieleman_hinton(decay=rising), dtype) < TOLERANCE[dtype]


@pytest.mark.parametrize("nesterov", [False, True])
def test_rmsprop_with_everything(nesterov):
    """The velocity holds steps: each was multiplied by the learning rate of its own time."""
    tx = rmsprop(rate, DECAY, EPS, SCALE, True, centered=True, momentum=MOMENTUM, nesterov=nesterov)
    rule = graves(momentum=MOMENTUM, nesterov=nesterov)
    assert distance(tx, rule, "float64") < TOLERANCE["float64"]


def test_rmsprop_plain():
    tx = rmsprop(rate, DECAY, EPS, SCALE, eps_in_sqrt=False, bias_correction=True)
    assert distance(tx, tieleman_hinton(inside=False, debias=True), "float64") < TOLERANCE["float64"]

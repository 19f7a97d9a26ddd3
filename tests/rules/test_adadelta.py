"""Adadelta against Zeiler (2012), in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradtx import adadelta
from tests.moments import B1, DECAY, EPS
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def zeiler(theta: Any, gradients: list[Any], coupled: float) -> Iterator[Any]:
    """Zeiler (2012), algorithm 1, with L2 regularization and a learning rate."""
    e_g = e_x = 0.0
    for t, gradient in enumerate(gradients):
        g = gradient + coupled * theta
        e_g = B1 * e_g + (1 - B1) * np.abs(g) ** 2
        x = -np.sqrt(e_x + EPS) / np.sqrt(e_g + EPS) * g
        e_x = B1 * e_x + (1 - B1) * np.abs(x) ** 2
        theta = theta + rate(t) * x
        yield theta


@DTYPES
def test_adadelta(dtype):
    assert distance(adadelta(rate, B1, EPS, DECAY), zeiler(DECAY), dtype) < TOLERANCE[dtype]

"""AdaGrad against Duchi, Hazan and Singer (2011), in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradtx import adagrad, chain, scale_by_learning_rate, scale_by_rss
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate

EPS, SCALE = 1e-2, 0.3


@leafwise
def duchi(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """Duchi, Hazan and Singer (2011), figure 1, diagonal; the start and epsilon are inside the root."""
    total = SCALE
    for t, g in enumerate(gradients, start=1):
        total = total + np.abs(g) ** 2
        theta = theta - rate(t - 1) * g / np.sqrt(total + EPS)
        yield theta


@DTYPES
def test_rss(dtype):
    tx = chain(scale_by_rss(SCALE, EPS), scale_by_learning_rate(rate))
    assert distance(tx, duchi(), dtype) < TOLERANCE[dtype]


def test_adagrad():
    assert distance(adagrad(rate, SCALE, EPS), duchi(), "float64") < TOLERANCE["float64"]

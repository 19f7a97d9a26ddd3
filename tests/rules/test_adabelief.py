"""AdaBelief against Zhuang et al. (2020), in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradtx import adabelief
from tests.moments import B1, B2, EPS, EPS_ROOT, FORMS, MOMENTS, m_hat
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def zhuang(theta: Any, gradients: list[Any], nesterov: bool, decay: float = 0.0) -> Iterator[Any]:
    """Zhuang et al. (2020), algorithm 2, with an epsilon of its own in the recursion, and decoupled decay."""
    m = s = 0.0
    for t, g in enumerate(gradients, start=1):
        m = B1 * m + (1 - B1) * g
        s = B2 * s + (1 - B2) * np.abs(g - m) ** 2 + EPS_ROOT
        step = m_hat(m, g, t, nesterov) / (np.sqrt(s / (1 - B2**t)) + EPS)
        theta = theta - rate(t - 1) * (step + decay * theta)
        yield theta


@DTYPES
@FORMS
def test_adabelief(dtype, nesterov):
    assert distance(adabelief(rate, **MOMENTS, nesterov=nesterov), zhuang(nesterov), dtype) < TOLERANCE[dtype]


def test_a_decoupled_decay():
    tx = adabelief(rate, **MOMENTS, weight_decay=0.2)
    assert distance(tx, zhuang(False, 0.2)) < TOLERANCE["float32"]
    nowhere = adabelief(rate, **MOMENTS, weight_decay=0.2, weight_decay_mask=lambda params: False)
    assert distance(nowhere, zhuang(False)) < TOLERANCE["float32"]

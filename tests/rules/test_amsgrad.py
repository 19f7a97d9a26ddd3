"""AMSGrad against Reddi, Kale and Kumar (2018), in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradtx import amsgrad
from tests.moments import B1, B2, EPS, EPS_ROOT, MOMENTS, STEPS
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def reddi(theta: Any, gradients: list[Any], correct_mu: bool, correct_nu: bool) -> Iterator[Any]:
    """Reddi, Kale and Kumar (2018), algorithm 2, which corrects nothing; corrected as Adam on request."""
    m = v = v_max = 0.0
    for t, g in enumerate(gradients, start=1):
        m = B1 * m + (1 - B1) * g
        v = B2 * v + (1 - B2) * np.abs(g) ** 2
        v_max = np.maximum(v_max, v / (1 - B2**t) if correct_nu else v)
        direction = m / (1 - B1**t) if correct_mu else m
        theta = theta - rate(t - 1) * direction / (np.sqrt(v_max + EPS_ROOT) + EPS)
        yield theta


@DTYPES
def test_amsgrad(dtype):
    assert distance(amsgrad(rate, **MOMENTS), reddi(True, True), dtype, STEPS) < TOLERANCE[dtype]


@pytest.mark.parametrize(("correct_mu", "correct_nu"), [(True, False), (False, True), (False, False)])
def test_amsgrad_with_raw_moments(correct_mu, correct_nu):
    tx = amsgrad(rate, **MOMENTS, bias_correction_mu=correct_mu, bias_correction_nu=correct_nu)
    assert distance(tx, reddi(correct_mu, correct_nu), "float64", STEPS) < TOLERANCE["float64"]

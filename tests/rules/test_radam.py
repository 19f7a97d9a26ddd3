"""RAdam against Liu et al. (2020), in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradtx import radam
from tests.moments import B1, B2, EPS, EPS_ROOT, FORMS, MOMENTS, m_hat
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def liu(
    theta: Any,
    gradients: list[Any],
    threshold: float,
    nesterov: bool = False,
    *,
    b1: float = B1,
    b2: float = B2,
    eps: float = EPS,
    eps_root: float = EPS_ROOT,
) -> Iterator[Any]:
    """Liu et al. (2020), algorithm 2, with epsilons as in Adam."""
    m = v = 0.0
    longest = 2 / (1 - b2) - 1
    for t, g in enumerate(gradients, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * np.abs(g) ** 2
        rho = longest - 2 * t * b2**t / (1 - b2**t)
        u = m_hat(m, g, t, nesterov, b1)
        if rho > threshold:
            r = np.sqrt((rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho))
            u = r * u / (np.sqrt(v / (1 - b2**t) + eps_root) + eps)
        theta = theta - rate(t - 1) * u
        yield theta


@DTYPES
@FORMS
def test_radam(dtype, nesterov):
    """The threshold is passed at the fifth of ten steps, that of 5 at the sixth."""
    tx = radam(rate, **MOMENTS, threshold=4.5, nesterov=nesterov)
    assert distance(tx, liu(4.5, nesterov), dtype) < TOLERANCE[dtype]


@pytest.mark.parametrize(("b2", "threshold"), [(0.999, 5.0), (0.9999, 4.9998)])
def test_radam_loses_no_accuracy_to_its_decays(b2, threshold):
    """In float32 the definition of rho_t makes 4.986 of 4.996 at step 5, and with 0.9999 4.2 of 4.9996.

    That step is adaptive with a threshold just below it, with the factor sqrt(rho_t - 4).
    """
    rule = liu(threshold, b1=0.9, b2=b2, eps=1e-8, eps_root=0.0)
    assert distance(radam(rate, b2=b2, threshold=threshold), rule, steps=20) < 5e-7
    below = liu(threshold - 0.1, b1=0.9, b2=b2, eps=1e-8, eps_root=0.0)
    assert distance(radam(rate, b2=b2, threshold=threshold - 0.1), below, steps=20) < 5e-7


@pytest.mark.exhaustive
def test_radam_is_momentum_where_no_average_is_long_enough():
    """With b2 = 2/3 rho_t stays below 5; with 0.6 and 0 the factor would divide by 0 and by a negative."""
    for b2 in (2 / 3, 0.6, 0.0):
        rule = liu(np.inf, b1=0.9, b2=b2)
        assert distance(radam(rate, b2=b2), rule, steps=12) < TOLERANCE["float32"]

"""NAdam against Dozat (2015), in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradtx import nadam, nadamw
from tests.moments import B1, B2, DECAY, EPS, EPS_ROOT, MOMENTS
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def dozat(theta: Any, gradients: list[Any], psi: float, decoupled: float = 0.0) -> Iterator[Any]:
    """Dozat (2015), algorithm 8, with mu_t = b1 (1 - 0.96**(t psi) / 2)."""
    m = n = 0.0
    momenta = [B1 * (1 - 0.5 * 0.96 ** (t * psi)) for t in range(1, len(gradients) + 2)]
    for t, g in enumerate(gradients, start=1):
        now, after = 1 - np.prod(momenta[:t]), 1 - np.prod(momenta[: t + 1])
        m = B1 * m + (1 - B1) * g
        n = B2 * n + (1 - B2) * np.abs(g) ** 2
        m_bar = (1 - momenta[t - 1]) * g / now + momenta[t] * m / after
        u = m_bar / (np.sqrt(n / (1 - B2**t) + EPS_ROOT) + EPS)
        theta = theta - rate(t - 1) * (u + decoupled * theta)
        yield theta


@DTYPES
def test_nadam(dtype):
    tx = nadam(rate, **MOMENTS, momentum_decay=3.0)
    assert distance(tx, dozat(3.0), dtype) < TOLERANCE[dtype]


def test_nadamw():
    tx = nadamw(rate, **MOMENTS, weight_decay=DECAY, momentum_decay=3.0)
    assert distance(tx, dozat(3.0, DECAY), "float64") < TOLERANCE["float64"]

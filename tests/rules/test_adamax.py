"""Adamax against Kingma and Ba (2015), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import adamax, adamaxw, infinity_moment
from tests.moments import B1, B2, DECAY, EPS
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def kingma_ba(theta: Any, gradients: list[Any], decoupled: float = 0.0) -> Iterator[Any]:
    """Kingma and Ba (2015), algorithm 2, with an epsilon beside the gradient."""
    m = u = 0.0
    for t, g in enumerate(gradients, start=1):
        m = B1 * m + (1 - B1) * g
        u = np.maximum(B2 * u, np.abs(g) + EPS)
        theta = theta - rate(t - 1) * (m / (1 - B1**t) / u + decoupled * theta)
        yield theta


@DTYPES
def test_adamax(dtype):
    assert distance(adamax(rate, B1, B2, EPS), kingma_ba(), dtype) < TOLERANCE[dtype]


def test_adamaxw():
    assert distance(adamaxw(rate, B1, B2, EPS, DECAY), kingma_ba(DECAY), "float64") < TOLERANCE["float64"]


def test_infinity_moment_is_the_limit_of_powers():
    """Kingma and Ba (2015), section 7.1: the p-th root of the average of p-th powers, decaying by b2**p."""
    tx, p, power, gradients = infinity_moment(0.8), 400, 0.0, (3.0, -2.6, 0.5, 0.1)
    state = tx.init(jnp.array(0.0))
    for g in gradients:
        norm, state = tx.update(jnp.array(g), state)
        power = 0.8**p * power + (1 - 0.8**p) * abs(g) ** p
        assert norm == pytest.approx(power ** (1 / p), rel=1e-3)
    assert norm == pytest.approx(0.8**2 * 2.6)

"""Yogi against Zaheer et al. (2018), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from gradtx import chain, scale_by_learning_rate, scale_by_yogi, yogi
from tests.moments import B1, B2, EPS, EPS_ROOT, MOMENTS
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def zaheer(theta: Any, gradients: list[Any], correct: bool, start: float, eps_root: float) -> Iterator[Any]:
    """Zaheer et al. (2018), algorithm 2, which corrects nothing; corrected as Adam on request."""
    m, v = 0.0, start
    for t, g in enumerate(gradients, start=1):
        square = np.abs(g) ** 2
        m = B1 * m + (1 - B1) * g
        v = v - (1 - B2) * np.sign(v - square) * square
        m_bar, v_bar = (m / (1 - B1**t), v / (1 - B2**t)) if correct else (m, v)
        theta = theta - rate(t - 1) * m_bar / (np.sqrt(v_bar + eps_root) + EPS)
        yield theta


@DTYPES
def test_yogi(dtype):
    tx = chain(scale_by_yogi(**MOMENTS, initial_accumulator_value=0.3), scale_by_learning_rate(rate))
    assert distance(tx, zaheer(True, 0.3, EPS_ROOT), dtype) < TOLERANCE[dtype]


def test_yogi_recovers_from_a_gradient_whose_square_overflows():
    """A square that is infinite would stay so, and the quotient would be a step of 0 for ever."""
    tx = scale_by_yogi()
    state = tx.init(jnp.zeros(2))
    for g in (jnp.array([1e20, 1.0]), jnp.ones(2)):
        update, state = tx.update(g, state)
        assert jnp.isfinite(update).all()
    assert update[0] > 0


def test_yogi_uncorrected():
    tx = yogi(rate, B1, B2, EPS, initial_accumulator_value=0.3, bias_correction=False)
    assert distance(tx, zaheer(False, 0.3, 0.0), "float64") < TOLERANCE["float64"]

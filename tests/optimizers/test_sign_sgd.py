"""signSGD and Signum against Bernstein et al. (2018), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from gradtx import sign_sgd, signum
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate, rising

BETA = 0.7


def _sign(x: Any) -> Any:
    return x / np.abs(x)


@leafwise
def bernstein(theta: Any, gradients: list[Any], beta: Any = lambda t: 0.0) -> Iterator[Any]:
    """Bernstein et al. (2018): algorithm 1 with beta = 0, else algorithm 2."""
    m = np.zeros_like(theta)
    for t, g in enumerate(gradients):
        m = beta(t) * m + (1 - beta(t)) * g
        theta = theta - rate(t) * _sign(m)
        yield theta


@DTYPES
def test_sign_sgd(dtype):
    assert distance(sign_sgd(rate), bernstein(), dtype) < TOLERANCE[dtype]


@DTYPES
def test_signum(dtype):
    assert distance(signum(rate, BETA), bernstein(lambda t: BETA), dtype) < TOLERANCE[dtype]


def test_signum_with_a_rising_decay():
    assert distance(signum(rate, rising), bernstein(rising), "float64") < TOLERANCE["float64"]


def test_signum_stores_its_average_as_asked():
    assert signum(rate, accumulator_dtype="bfloat16").init(jnp.zeros(2))[0].ema.dtype == jnp.bfloat16

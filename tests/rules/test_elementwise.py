"""Maps of single elements, with the soft sign against Feoktistov et al. (2026), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from gradtx import chain, scale_by_learning_rate, scale_by_sign, sign, soft_sign, sqrt, square
from tests.rules.concepts import concepts, descend, mapped
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate, rising

EPS = 0.6


@leafwise
def feoktistov(theta: Any, gradients: list[Any], eps: Any = lambda t: EPS) -> Iterator[Any]:
    """Feoktistov et al. (2026): phi(g / eps), with phi(x) = x / sqrt(1 + x^2)."""
    for t, g in enumerate(gradients):
        x = g / eps(t)
        theta = theta - rate(t) * x / np.sqrt(1 + np.abs(x) ** 2)
        yield theta


def test_one_sign_under_two_names():
    assert scale_by_sign is sign


@DTYPES
def test_soft_sign(dtype):
    tx = chain(soft_sign(EPS), scale_by_learning_rate(rate))
    assert distance(tx, feoktistov(), dtype) < TOLERANCE[dtype]
    tx = chain(soft_sign(rising), scale_by_learning_rate(rate))
    assert distance(tx, feoktistov(rising), dtype) < TOLERANCE[dtype]


def test_the_soft_sign_squares_nothing_that_overflows_or_vanishes():
    """Squares of these are beyond float32."""
    tiny = soft_sign(1e-30).update(jnp.array([1e-30, -1e-28, 0.0]), soft_sign(1e-30).init(0.0))[0]
    np.testing.assert_allclose(tiny, [0.5**0.5, -1.0, 0.0], rtol=1e-3)
    large = soft_sign(1e30).update(jnp.array([-1e30, 1e20]), soft_sign(1e30).init(0.0))[0]
    np.testing.assert_allclose(large, [-(0.5**0.5), 1e-10], rtol=1e-6)


def test_a_soft_sign_without_softness_is_the_sign():
    g = jnp.array([-3.0, 0.0, 1e-30])
    np.testing.assert_array_equal(soft_sign(0.0).update(g, soft_sign(0.0).init(g))[0], [-1.0, 0.0, 1.0])


@DTYPES
@concepts(
    (sign(), mapped(lambda g: g[-1] / np.abs(g[-1]))),
    (square(), mapped(lambda g: np.abs(g[-1]) ** 2)),
    (chain(square(), sqrt(eps_root=0.1)), mapped(lambda g: np.sqrt(np.abs(g[-1]) ** 2 + 0.1))),
)
def test_concept(tx, rule, dtype):
    assert distance(descend(tx), rule, dtype) < TOLERANCE[dtype]

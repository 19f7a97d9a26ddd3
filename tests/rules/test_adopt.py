"""ADOPT against Taniguchi et al. (2024), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import adopt, chain, scale_by_adopt, scale_by_learning_rate
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate, rising

ADOPT = {"b1": 0.8, "b2": 0.95, "eps": 0.5}


@leafwise
def taniguchi(
    theta: Any,
    gradients: list[Any],
    bound: Any = lambda t: t**0.25,
    nesterov: bool = False,
    b2: Any = lambda t: 0.95,
) -> Iterator[Any]:
    """Taniguchi et al. (2024), algorithm 2: the first gradient, g_0, makes v_0 and no step."""
    b1, eps = ADOPT["b1"], ADOPT["eps"]
    m, v = 0.0, np.abs(gradients[0]) ** 2
    yield theta
    for t, g in enumerate(gradients[1:], start=1):
        z = g / np.maximum(np.sqrt(v), eps)
        z = z * np.minimum(1.0, bound(t) / np.abs(z))
        m = b1 * m + (1 - b1) * z
        theta = theta - rate(t) * (b1 * m + (1 - b1) * z if nesterov else m)
        v = b2(t) * v + (1 - b2(t)) * np.abs(g) ** 2
        yield theta


@DTYPES
def test_adopt(dtype):
    assert distance(adopt(rate, **ADOPT), taniguchi(), dtype) < TOLERANCE[dtype]


@DTYPES
def test_adopt_with_nesterov(dtype):
    assert distance(adopt(rate, **ADOPT, nesterov=True), taniguchi(nesterov=True), dtype) < TOLERANCE[dtype]


@pytest.mark.exhaustive
def test_the_bound_of_adopt():
    """Another one, and none; the default is met by some elements and not by others."""
    without = taniguchi(bound=lambda t: np.inf)
    assert distance(adopt(rate, **ADOPT), without, "float64") > 0.01
    assert distance(adopt(rate, **ADOPT, use_clipping=False), without, "float64") < TOLERANCE["float64"]
    half = adopt(rate, **ADOPT, clip_value_fn=lambda t: 0.5 * t)
    assert distance(half, taniguchi(bound=lambda t: 0.5 * t), "float64") < TOLERANCE["float64"]


def test_adopt_with_a_scheduled_decay():
    tx = chain(scale_by_adopt(**ADOPT | {"b2": rising}), scale_by_learning_rate(rate))
    assert distance(tx, taniguchi(b2=rising), "float64") < TOLERANCE["float64"]


def test_a_size_that_was_never_seen_bounds_the_step():
    """An element whose gradients were 0 has the root `eps`, and the clipping bounds what comes of it."""
    tx = scale_by_adopt(b1=0.0)
    _, state = tx.update(jnp.zeros(2), tx.init(jnp.zeros(2)))
    update, _ = tx.update(jnp.array([1e-7, -3.0]), state)
    np.testing.assert_allclose(update, [0.1, -1.0], rtol=1e-6)


def test_an_infinite_gradient_is_not_hidden():
    """Clipped it would be a step like others, and its square would hold the element still for ever."""
    tx = scale_by_adopt()
    _, state = tx.update(jnp.ones(2), tx.init(jnp.zeros(2)))
    update, _ = tx.update(jnp.array([1.0, jnp.inf]), state)
    np.testing.assert_array_equal(np.isnan(update), [False, True])

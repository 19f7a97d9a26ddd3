"""AdEMAMix and its simplified form against their papers, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

import gradtx
from gradtx import ademamix, scale_by_ademamix, simplified_ademamix
from tests.moments import B1, B2, DECAY, EPS, EPS_ROOT, ROOT
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate, rising

B3 = 0.99


@leafwise
def pagliardini(
    theta: Any, gradients: list[Any], b3: Any = lambda t: B3, alpha: Any = lambda t: 3.0
) -> Iterator[Any]:
    """Pagliardini, Ablin and Grangier (2024), algorithm 1."""
    m1 = m2 = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m1 = B1 * m1 + (1 - B1) * g
        m2 = b3(t) * m2 + (1 - b3(t)) * g
        v = B2 * v + (1 - B2) * np.abs(g) ** 2
        m1_hat, v_hat = m1 / (1 - B1**t), v / (1 - B2**t)
        direction = (m1_hat + alpha(t) * m2) / (np.sqrt(v_hat + EPS_ROOT) + EPS)
        theta = theta - rate(t - 1) * (direction + DECAY * theta)
        yield theta


@leafwise
def morwani(theta: Any, gradients: list[Any], alpha: Any = lambda t: 0.6) -> Iterator[Any]:
    """Morwani et al. (2025), simplified AdEMAMix, with the sum of gradients not scaled."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = B1 * m + g
        v = B2 * v + (1 - B2) * np.abs(g) ** 2
        direction = (m + alpha(t - 1) * g) / (np.sqrt(v / (1 - B2**t) + EPS_ROOT) + EPS)
        theta = theta - rate(t - 1) * (direction + DECAY * theta)
        yield theta


@DTYPES
def test_ademamix(dtype):
    tx = ademamix(rate, B1, B2, B3, 3.0, **ROOT, weight_decay=DECAY)
    assert distance(tx, pagliardini(), dtype) < TOLERANCE[dtype]


def test_ademamix_with_its_warmups():
    """The schedules of section 3, with steps from 1: b3 to its half-life in 7 steps, alpha in 5."""

    def b3(t: int) -> float:
        start, end, p = np.log(B1), np.log(B3), min(t / 7, 1)
        return np.exp(start * end / ((1 - p) * end + p * start))

    tx = ademamix(
        rate,
        B1,
        B2,
        gradtx.ademamix_b3_schedule(B3, 7, B1),
        gradtx.ademamix_alpha_schedule(3.0, 5),
        **ROOT,
        weight_decay=DECAY,
    )
    rule = pagliardini(b3, lambda t: min(t * 3.0 / 5, 3.0))
    assert distance(tx, rule, "float64") < TOLERANCE["float64"]


def test_the_direction_and_the_optimizer_have_one_default():
    """A first direction is the sign, and the slow average adds alpha times 1 - b3."""
    tx, whole = scale_by_ademamix(b3=0.9, eps=0.0), ademamix(1.0, b3=0.9, eps=0.0)
    for each, sign in ((tx, 1.0), (whole, -1.0)):
        update, _ = each.update(jnp.array(-0.3), each.init(jnp.array(0.0)), jnp.array(0.0))
        np.testing.assert_allclose(update, -sign * (1 + 5 * 0.1), rtol=1e-5)


def test_the_slow_average_keeps_its_precision():
    """In 16 bits a ten-thousandth of the way to the gradient is no step at all."""
    tx = scale_by_ademamix(mu_dtype="bfloat16")
    state = tx.init(jnp.zeros(()))._replace(m2=jnp.float32(0.5))
    _, state = tx.update(jnp.ones(()), state)
    assert state.m1.dtype == jnp.bfloat16
    np.testing.assert_allclose(state.m2, 0.50005, rtol=1e-6)


@DTYPES
def test_simplified_ademamix(dtype):
    tx = simplified_ademamix(rate, B1, B2, 0.6, **ROOT, weight_decay=DECAY)
    assert distance(tx, morwani(), dtype) < TOLERANCE[dtype]


def test_simplified_ademamix_with_a_scheduled_weight():
    tx = simplified_ademamix(rate, B1, B2, rising, **ROOT, weight_decay=DECAY)
    assert distance(tx, morwani(rising), "float64") < TOLERANCE["float64"]

"""Adam, with Nesterov's momentum too, AdamW and Adam with L2 against their papers, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from gradtx import adam, adam_l2, adamw, scale_by_adam
from tests.moments import B1, B2, EPS, EPS_ROOT, MOMENTS, STEPS
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def kingma_ba(
    theta: Any,
    gradients: list[Any],
    decoupled: float = 0.0,
    coupled: float = 0.0,
    *,
    b1: float = B1,
    b2: float = B2,
    eps: float = EPS,
    eps_root: float = EPS_ROOT,
) -> Iterator[Any]:
    """Kingma and Ba (2015), algorithm 1; Loshchilov and Hutter (2019), algorithm 2, for both decays."""
    m = v = 0.0
    for t, gradient in enumerate(gradients, start=1):
        g = gradient + coupled * theta
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * np.abs(g) ** 2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        theta = theta - rate(t - 1) * (m_hat / (np.sqrt(v_hat + eps_root) + eps) + decoupled * theta)
        yield theta


@leafwise
def dozat(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """Dozat (2016), algorithm 8, with every momentum mu_t equal to b1, so that prod(mu_i) is b1**t."""
    m = n = 0.0
    for t, g in enumerate(gradients, start=1):
        m = B1 * m + (1 - B1) * g
        n = B2 * n + (1 - B2) * np.abs(g) ** 2
        m_bar = (1 - B1) * g / (1 - B1**t) + B1 * m / (1 - B1 ** (t + 1))
        theta = theta - rate(t - 1) * m_bar / (np.sqrt(n / (1 - B2**t) + EPS_ROOT) + EPS)
        yield theta


@DTYPES
def test_adam(dtype):
    assert distance(adam(rate, **MOMENTS), kingma_ba(), dtype, STEPS) < TOLERANCE[dtype]


@DTYPES
def test_nadam(dtype):
    assert distance(adam(rate, **MOMENTS, nesterov=True), dozat(), dtype, STEPS) < TOLERANCE[dtype]


@DTYPES
def test_adamw(dtype):
    tx = adamw(rate, **MOMENTS, weight_decay=0.2)
    assert distance(tx, kingma_ba(decoupled=0.2), dtype, STEPS) < TOLERANCE[dtype]


@DTYPES
def test_adam_with_l2(dtype):
    tx = adam_l2(rate, **MOMENTS, weight_decay=0.2)
    assert distance(tx, kingma_ba(coupled=0.2), dtype, STEPS) < TOLERANCE[dtype]


def test_adam_loses_no_accuracy_to_its_decays():
    """With one complement for each decay the error stays at rounding; decays of their own cost 1e-5.

    It takes the default decays to see it: 1 - 0.999**t is small, and 0.999 and 0.001 both round.
    """
    defaults = kingma_ba(b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0)
    assert distance(adam(rate), defaults, steps=STEPS) < 3e-7
    assert distance(adam(rate), defaults, steps=200) < 3e-7


def test_the_complement_of_a_decay_is_formed_in_double_precision():
    """The float32 0.999 leaves 0.00099998713 to 1; the raw moments, unlike the debiased, would show it."""
    _, state = scale_by_adam().update(jnp.array(1.0), scale_by_adam().init(jnp.array(0.0)))
    assert state.nu == np.float32(0.001)
    assert state.mu == np.float32(0.1)

"""Adan against Xie et al. (2022), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from gradtx import adan, chain, scale_by_adan, scale_by_learning_rate
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate, rising

ADAN = {"b1": 0.85, "b2": 0.7, "b3": 0.95, "eps": 1e-2, "eps_root": 2e-2}


@leafwise
def xie(
    theta: Any, gradients: list[Any], decay: float = 0.0, proximal: bool = False, b2: Any = lambda t: 0.7
) -> Iterator[Any]:
    """Xie et al. (2022), algorithm 1, with beta_i for 1 - b_i, and the bias corrections of their code."""
    beta1, beta3 = 1 - ADAN["b1"], 1 - ADAN["b3"]
    m = v = n = 0.0
    before = gradients[0]
    for k, g in enumerate(gradients, start=1):
        beta2, eta = 1 - b2(k - 1), rate(k - 1)
        m = (1 - beta1) * m + beta1 * g
        v = (1 - beta2) * v + beta2 * (g - before)
        n = (1 - beta3) * n + beta3 * np.abs(g + (1 - beta2) * (g - before)) ** 2
        m_hat, v_hat, n_hat = (x / (1 - (1 - b) ** k) for x, b in ((m, beta1), (v, beta2), (n, beta3)))
        step = eta * (m_hat + (1 - beta2) * v_hat) / (np.sqrt(n_hat + ADAN["eps_root"]) + ADAN["eps"])
        theta = (theta - step) / (1 + decay * eta) if proximal else (1 - decay * eta) * theta - step
        before = g
        yield theta


@DTYPES
def test_adan(dtype):
    assert distance(adan(rate, **ADAN, weight_decay=0.2), xie(0.2), dtype) < TOLERANCE[dtype]


def test_adan_with_a_scheduled_weight_of_the_change():
    """The correction takes the decay of now as if it had held from the start."""
    tx = chain(scale_by_adan(**ADAN | {"b2": rising}), scale_by_learning_rate(rate))
    assert distance(tx, xie(b2=rising), "float64") < TOLERANCE["float64"]


def test_proximal_decay_is_a_learning_rate():
    """The paper divides by 1 + rate * decay behind the step."""

    def shrunk(count: Any) -> Any:
        return rate(count) / (1.0 + 0.2 * rate(count))

    rule = xie(0.2, proximal=True)
    assert distance(adan(shrunk, **ADAN, weight_decay=0.2), rule, "float64") < TOLERANCE["float64"]
    assert distance(adan(rate, **ADAN, weight_decay=0.2), rule, "float64") > 1e-3


def test_the_mask_of_adan():
    params, zeros = {"w": jnp.ones(()), "b": jnp.ones(())}, {"w": jnp.zeros(()), "b": jnp.zeros(())}
    tx = adan(0.1, weight_decay=0.5, mask={"w": True, "b": False})
    update, _ = tx.update(zeros, tx.init(params), params)
    np.testing.assert_allclose([update["w"], update["b"]], [-0.05, 0.0], rtol=1e-6)

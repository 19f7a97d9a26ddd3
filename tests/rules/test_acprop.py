"""ACProp against Zhuang et al. (2021), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from gradtx import acprop, scale_by_acprop
from tests.moments import B1, B2, DECAY, EPS, EPS_ROOT, MOMENTS
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def zhuang(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """Zhuang et al. (2021), with the corrected bias and the first step of the authors' code."""
    m, s = 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        m = B1 * m + (1 - B1) * g
        direction = g if t == 1 else g / (np.sqrt(s / (1 - B2 ** (t - 1))) + EPS)
        s = B2 * s + (1 - B2) * np.abs(g - m) ** 2 + EPS_ROOT
        theta = theta - rate(t - 1) * (direction + DECAY * theta)
        yield theta


@DTYPES
def test_acprop(dtype: str) -> None:
    assert distance(acprop(rate, **MOMENTS, weight_decay=DECAY), zhuang(), dtype) < TOLERANCE[dtype]


def test_a_gradient_does_not_enter_its_own_denominator() -> None:
    tx = scale_by_acprop()
    _, state = tx.update(jnp.array([1.0, 1.0]), tx.init(jnp.zeros(2)))
    update, _ = tx.update(jnp.array([1.0, 100.0]), state)
    np.testing.assert_allclose(update[1], 100 * update[0], rtol=1e-6)


def test_the_mask_chooses_what_decays() -> None:
    tx, params = (
        acprop(1.0, weight_decay=0.5, mask={"a": True, "b": False}),
        {"a": jnp.ones(()), "b": jnp.ones(())},
    )
    updates, _ = tx.update({"a": jnp.zeros(()), "b": jnp.zeros(())}, tx.init(params), params)
    assert updates == {"a": -0.5, "b": 0.0}

"""Optimism against Daskalakis et al. (2018), in double precision, and in a game of two players."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import (
    GradientTransformation,
    apply_updates,
    optimistic_adam,
    optimistic_adam_v2,
    optimistic_gradient_descent,
    sgd,
)
from tests.moments import B1, B2, EPS, EPS_ROOT, FORMS, MOMENTS, m_hat
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate

ALPHA, BETA = 0.8, 0.6


@leafwise
def optimistic_mirror_descent(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """Daskalakis et al. (2018), section 2, with a factor for each term; no change precedes the first."""
    previous = gradients[0]
    for t, g in enumerate(gradients):
        theta = theta - rate(t) * ((ALPHA + BETA) * g - BETA * previous)
        previous = g
        yield theta


@leafwise
def daskalakis(theta: Any, gradients: list[Any], nesterov: bool) -> Iterator[Any]:
    """Daskalakis et al. (2018), algorithm 1, with Adam's epsilon inside of the root too."""
    m, v, previous = 0.0, 0.0, None
    for t, g in enumerate(gradients, start=1):
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * np.abs(g) ** 2
        direction = m_hat(m, g, t, nesterov) / (np.sqrt(v / (1 - B2**t) + EPS_ROOT) + EPS)
        previous = direction if previous is None else previous
        theta = theta - rate(t - 1) * ((ALPHA + BETA) * direction - BETA * previous)
        previous = direction
        yield theta


@DTYPES
def test_optimistic_gradient_descent(dtype: str) -> None:
    tx = optimistic_gradient_descent(rate, ALPHA, BETA)
    assert distance(tx, optimistic_mirror_descent(), dtype) < TOLERANCE[dtype]


@DTYPES
@FORMS
def test_optimistic_adam(dtype: str, nesterov: bool) -> None:
    tx = optimistic_adam_v2(rate, alpha=ALPHA, beta=BETA, **MOMENTS, nesterov=nesterov)
    assert distance(tx, daskalakis(nesterov), dtype) < TOLERANCE[dtype]


def test_the_older_form_has_its_own_parameters() -> None:
    def alpha(count: Any) -> Any:
        return ALPHA * rate(count)

    def beta(count: Any) -> Any:
        return BETA * rate(count)

    tx = optimistic_adam(alpha, beta, **MOMENTS, mu_dtype=None, nesterov=False)
    assert distance(tx, daskalakis(False), "float64") < TOLERANCE["float64"]
    assert optimistic_adam(0.1) == optimistic_adam_v2(1.0, alpha=0.1, beta=0.1)
    assert optimistic_adam(0.1, 0.0) == optimistic_adam_v2(1.0, alpha=0.1, beta=0.0)


@pytest.mark.parametrize(
    ("tx", "ends_at_the_equilibrium"), [(optimistic_gradient_descent(0.1), True), (sgd(0.1), False)]
)
def test_the_game_that_gradient_descent_circles(
    tx: GradientTransformation, ends_at_the_equilibrium: bool
) -> None:
    """One player minimizes xy by x, the other one maximizes it by y: the equilibrium is 0."""

    def step(carry: Any, _: Any) -> Any:
        (x, y), state = carry
        updates, state = tx.update((y, -x), state)
        return (apply_updates((x, y), updates), state), None

    start = (jnp.array(1.0), jnp.array(0.0))
    ((x, y), _), _ = jax.lax.scan(step, (start, tx.init(start)), length=1000)
    assert (jnp.hypot(x, y) < 0.1) == ends_at_the_equilibrium

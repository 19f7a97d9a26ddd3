"""Gradient descent, momentum and Nesterov's accelerated gradient against their papers."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

from gradtx import apply_updates, chain, momentum, nesterov, scale_by_learning_rate, sgd, trace
from tests.trajectories import (
    DTYPES,
    TOLERANCE,
    distance,
    in_precision_of,
    leafwise,
    parameters,
    rate,
    rising,
)

DECAY = 0.8


@leafwise
def robbins_monro(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """Robbins and Monro (1951), equation 8."""
    for t, g in enumerate(gradients):
        theta = theta - rate(t) * g
        yield theta


@leafwise
def heavy_ball(
    theta: Any, gradients: list[Any], mu: Any = lambda t: DECAY, lookahead: bool = False
) -> Iterator[Any]:
    """Polyak (1964); with `lookahead` Nesterov's after the change of variable; the rate outside of v."""
    v = 0.0
    for t, g in enumerate(gradients):
        v = mu(t) * v + g
        theta = theta - rate(t) * (g + mu(t) * v if lookahead else v)
        yield theta


@DTYPES
def test_sgd(dtype):
    assert distance(sgd(rate), robbins_monro(), dtype) < TOLERANCE[dtype]


@DTYPES
def test_momentum(dtype):
    assert distance(sgd(rate, DECAY), heavy_ball(), dtype) < TOLERANCE[dtype]


@DTYPES
def test_nesterov(dtype):
    tx = sgd(rate, DECAY, nesterov=True)
    assert distance(tx, heavy_ball(lookahead=True), dtype) < TOLERANCE[dtype]


@DTYPES
@pytest.mark.parametrize("lookahead", [False, True])
def test_a_scheduled_momentum(dtype, lookahead):
    tx = chain(trace(rising, nesterov=lookahead), scale_by_learning_rate(rate))
    assert distance(tx, heavy_ball(rising, lookahead), dtype) < TOLERANCE[dtype]


@pytest.mark.parametrize(("tx", "lookahead"), [(momentum(rate, DECAY), False), (nesterov(rate, DECAY), True)])
def test_the_names_of_their_own(tx, lookahead):
    assert distance(tx, heavy_ball(lookahead=lookahead), "float64") < TOLERANCE["float64"]


def test_nesterov_is_the_lookahead_form_after_a_change_of_variable():
    """Sutskever et al. (2013), equations 3 and 4, keep theta and take the gradient at theta + mu v.

    The parameters of `trace(nesterov=True)` are that point, theta_t + mu v_t, at every step: on a
    quadratic, whose gradient depends on where it is taken, and with a constant learning rate.
    """
    curvature, eta, steps = np.array([1.0, 3.0, 10.0]), 0.05, 30
    theta, v, lookahead = parameters("float64", {"x": (3,)})["x"], 0.0, []
    start = theta
    for _ in range(steps):
        v = DECAY * v - eta * curvature * (theta + DECAY * v)
        theta = theta + v
        lookahead.append(theta + DECAY * v)

    tx = sgd(eta, DECAY, nesterov=True)

    @jax.jit
    def run(x: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            x, state = carry
            updates, state = tx.update(curvature * x, state, x)
            x = apply_updates(x, updates)
            return (x, state), x

        return jax.lax.scan(step, (x, tx.init(x)), length=steps)[1]

    with in_precision_of("float64"):
        np.testing.assert_allclose(run(start), np.stack(lookahead), rtol=0, atol=1e-13)

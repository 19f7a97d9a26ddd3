"""Lookahead against Zhang et al. (2019), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import apply_updates, chain, inject, lookahead, momentum, scale_by_learning_rate, sgd, trace
from gradtx.tree import set as set_in
from tests.trajectories import (
    TOLERANCE,
    gradients,
    leafwise,
    parameters,
    rate,
    relative_error,
    rising,
    stacked,
)
from tests.wrappers.points import doubled, points


@leafwise
def zhang(
    theta: Any, gradients: list[Any], slow: bool, period: int, alpha: Any, resets: bool
) -> Iterator[Any]:
    """Zhang et al. (2019), algorithm 1, around momentum: slow or fast weights; schedules go on."""
    phi, m = theta, 0.0
    for t, g in enumerate(gradients):
        m = rising(t) * m + g
        theta = theta - rate(t) * m
        if (t + 1) % period == 0:
            phi = phi + alpha(t) * (theta - phi)
            theta, m = phi, 0.0 if resets else m
        yield phi if slow else theta


@pytest.mark.parametrize(
    ("alpha", "resets", "dtype"),
    [(0.7, False, "float32"), (rising, True, "float64"), (0.7, True, "complex64")],
    ids=["plain", "reset", "complex"],
)
def test_lookahead(alpha: Any, resets: bool, dtype: str) -> None:
    fast = chain(trace(rising), scale_by_learning_rate(rate))
    got = points(lookahead(fast, 3, alpha, resets), dtype)
    alpha_at = alpha if callable(alpha) else lambda t: alpha
    start, given = doubled(parameters(dtype)), doubled(gradients(dtype))
    for slow, tree in zip((False, True), got, strict=True):
        expected = stacked([start, *zhang(slow, 3, alpha_at, resets)(start, given)])
        assert relative_error(tree, expected) < TOLERANCE[dtype]


def test_fast_weights_start_at_the_slow_ones_to_the_bit() -> None:
    fast, slow = points(lookahead(momentum(0.1), 3, 0.5), "float32", steps=6)
    for t in (0, 3, 6):
        jax.tree.map(lambda a, b, t=t: np.testing.assert_array_equal(a[t], b[t]), fast, slow)
    assert np.all(fast["matrix"][5] != slow["matrix"][5])


def test_slow_weights_in_float32_move_where_16_bits_stand_still() -> None:
    """Each time a quarter of the way to 1 + 2^-7, which in 16 bits is the next number after 1."""
    tx, params = lookahead(sgd(1.0), 1, 0.25), jnp.ones((), jnp.bfloat16)
    state = tx.init(params)
    for _ in range(2):
        updates, state = tx.update(jnp.bfloat16(-(2.0**-7)), state, params)
        assert apply_updates(params, updates) == 1.0
    assert state.slow == 1.0 + (0.25 + 0.75 * 0.25) * 2.0**-7
    assert lookahead(sgd(1.0), 1, 0.25, slow_dtype="bfloat16").init(params).slow.dtype == jnp.bfloat16


def test_a_reset_keeps_the_hyperparameters_that_were_written() -> None:
    tx, g = lookahead(inject(momentum(0.1), "learning_rate"), 1, 1.0, reset_state=True), jnp.ones(())
    state = set_in(tx.init(g), learning_rate=0.5)
    for _ in range(3):
        updates, state = tx.update(g, state, g)
        assert updates == -0.5

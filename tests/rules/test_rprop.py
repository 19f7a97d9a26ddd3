"""Rprop against its papers, in double precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradtx import linear_schedule, rprop
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise

FIRST, MINUS, PLUS, LEAST, GREATEST = 0.1, 0.6, 1.3, 0.05, 0.15


def sign(g: Any) -> Any:
    return g / np.abs(g)


@leafwise
def riedmiller(theta: Any, gradients: list[Any], backtracking: bool) -> Iterator[Any]:
    """Riedmiller and Braun (1993) with backtracking, else Igel and Hüsken (2003), iRprop-.

    Both set the gradient of a turn to 0, so that the next step is no turn.
    """
    size, previous, step = np.full(theta.shape, FIRST), np.zeros_like(theta), np.zeros_like(theta)
    for g in gradients:
        product = np.real(g * np.conj(previous))
        size = np.where(product > 0, np.minimum(size * PLUS, GREATEST), size)
        size = np.where(product < 0, np.maximum(size * MINUS, LEAST), size)
        step = np.where(product < 0, -step if backtracking else 0, -size * sign(g))
        previous = np.where(product < 0, 0, g)
        theta = theta + step
        yield theta


@DTYPES
@pytest.mark.parametrize("backtracking", [False, True])
def test_rprop(dtype: str, backtracking: bool) -> None:
    tx = rprop(FIRST, MINUS, PLUS, LEAST, GREATEST, backtracking=backtracking)
    assert distance(tx, riedmiller(backtracking), dtype, steps=20) < TOLERANCE[dtype]


def test_a_size_that_underflows_in_a_product_is_an_agreement() -> None:
    tx = rprop(1e-30, min_step_size=0.0)
    params = np.zeros((), np.float32)
    first, state = tx.update(np.float32(1e-30), tx.init(params))
    second, _ = tx.update(np.float32(1e-30), state)
    np.testing.assert_allclose([first, second], [-1e-30, -1.2e-30], rtol=1e-6)


def test_a_schedule_of_the_first_step_is_refused() -> None:
    with pytest.raises(TypeError, match="learning_rate is the size of the first step and must be a number"):
        rprop(linear_schedule(0.0, 0.1, 10))  # pyright: ignore

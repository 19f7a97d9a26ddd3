"""Hyperparameters that the tests of Adam and its variants share, and parts of their references."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.trajectories import leafwise, rate

STEPS = 20
B1, B2, EPS, EPS_ROOT, DECAY = 0.85, 0.97, 1e-2, 2e-2, 0.2
ROOT = {"eps": EPS, "eps_root": EPS_ROOT}
MOMENTS = {"b1": B1, "b2": B2, "eps": EPS, "eps_root": EPS_ROOT}
FORMS = pytest.mark.parametrize("nesterov", [False, True])

Decay = Callable[[int, Any, Any], Any]
"""From the count, the direction and the parameters to the term that is added to the direction."""


def m_hat(m: Any, g: Any, t: int, nesterov: bool, b1: float = B1) -> Any:
    """Kingma and Ba's corrected first moment, or Dozat's with a constant momentum."""
    if nesterov:
        return b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
    return m / (1 - b1**t)


def adam_directions(gradients: list[Any]) -> Iterator[tuple[int, Any, Any]]:
    """The count, the gradient and Adam's direction."""
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients):
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * np.abs(g) ** 2
        yield t, g, m / (1 - B1 ** (t + 1)) / (np.sqrt(v / (1 - B2 ** (t + 1))) + EPS)


@leafwise
def decayed(theta: Any, gradients: list[Any], decay: Decay) -> Iterator[Any]:
    """AdamW with any decay."""
    for t, _, u in adam_directions(gradients):
        theta = theta - rate(t) * (u + decay(t, u, theta))
        yield theta


def along(x: Any, y: Any) -> Any:
    """Above 0 where x points the way of y."""
    return np.real(x * np.conj(y))

"""References of single concepts: averages, and maps of the gradients so far."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradtx import chain, scale_by_learning_rate
from tests.trajectories import Rule, leafwise, rate

DECAY = 0.8


def concepts(*cases: tuple[Any, Rule]) -> pytest.MarkDecorator:
    """Parameters of a test of each transformation against its rule."""
    return pytest.mark.parametrize(("tx", "rule"), cases, ids=[repr(tx) for tx, _ in cases])


@leafwise
def weighted_mean(
    theta: Any, gradients: list[Any], power: int, debias: bool, start: float = 0.0
) -> Iterator[Any]:
    """Kingma and Ba (2015), section 3, equation 1: the average as the sum that its recursion stands for."""
    values = [g if power == 1 else np.abs(g) ** 2 for g in gradients]
    for t in range(1, len(values) + 1):
        weights = (1 - DECAY) * DECAY ** np.arange(t - 1, -1, -1)
        average = start * DECAY**t + sum(w * x for w, x in zip(weights, values[:t], strict=True))
        theta = theta - rate(t - 1) * (average / weights.sum() if debias else average)
        yield theta


@leafwise
def mapped(theta: Any, gradients: list[Any], function: Any) -> Iterator[Any]:
    """A function of all gradients so far, as the direction of descent."""
    for t in range(len(gradients)):
        theta = theta - rate(t) * function(np.stack(gradients[: t + 1]))
        yield theta


def descend(tx: Any) -> Any:
    """Gradient descent along what `tx` makes of the gradient."""
    return chain(tx, scale_by_learning_rate(rate))

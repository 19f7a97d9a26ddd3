"""Averages of the updates as weighted sums, in double precision."""

from collections.abc import Iterator
from typing import Any

from gradtx import ema, first_moment
from tests.rules.concepts import DECAY, concepts, descend, weighted_mean
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate, rising


@leafwise
def average(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """The recursion of the first moment, with a decay that is scheduled."""
    mu = 0.0
    for t, g in enumerate(gradients):
        mu = rising(t) * mu + (1 - rising(t)) * g
        theta = theta - rate(t) * mu
        yield theta


@DTYPES
@concepts(
    (ema(DECAY), weighted_mean(1, debias=True)),
    (ema(DECAY, debias=False), weighted_mean(1, debias=False)),
    (first_moment(DECAY), weighted_mean(1, debias=False)),
    (first_moment(rising), average()),
)
def test_concept(tx, rule, dtype):
    assert distance(descend(tx), rule, dtype) < TOLERANCE[dtype]

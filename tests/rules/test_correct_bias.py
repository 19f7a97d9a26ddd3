"""Bias correction against Kingma and Ba (2015), section 3, in double precision."""

from collections.abc import Iterator
from typing import Any

from gradtx import correct_bias
from tests.rules.concepts import DECAY, concepts, descend
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def corrected(theta: Any, gradients: list[Any], lookahead: int) -> Iterator[Any]:
    """Kingma and Ba (2015), section 3: division by 1 - b**t."""
    for t, g in enumerate(gradients, start=1):
        theta = theta - rate(t - 1) * g / (1 - DECAY ** (t + lookahead))
        yield theta


@DTYPES
@concepts(
    (correct_bias(DECAY), corrected(0)),
    (correct_bias(DECAY, lookahead=2), corrected(2)),
)
def test_concept(tx, rule, dtype):
    assert distance(descend(tx), rule, dtype) < TOLERANCE[dtype]

"""Scaling by a constant and by a schedule, in double precision."""

from gradtx import chain, scale, scale_by_schedule
from tests.rules.concepts import concepts, descend, mapped
from tests.trajectories import DTYPES, TOLERANCE, distance, rate


@DTYPES
@concepts(
    (chain(scale(-0.7), scale_by_schedule(rate)), mapped(lambda g: -0.7 * rate(len(g) - 1) * g[-1])),
)
def test_concept(tx, rule, dtype):
    assert distance(descend(tx), rule, dtype) < TOLERANCE[dtype]

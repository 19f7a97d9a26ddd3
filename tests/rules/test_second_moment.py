"""Statistics of squared updates: their average, their sum and a running maximum, in double precision."""

import numpy as np
import pytest

from gradtx import accumulate_squares, running_max, second_moment
from tests.rules.concepts import DECAY, concepts, descend, mapped, weighted_mean
from tests.trajectories import DTYPES, TOLERANCE, distance


@DTYPES
@concepts(
    (second_moment(DECAY, initial_value=0.3), weighted_mean(2, debias=False, start=0.3)),
    (accumulate_squares(0.3), mapped(lambda g: 0.3 + np.sum(np.abs(g) ** 2, axis=0))),
)
def test_concept(tx, rule, dtype):
    assert distance(descend(tx), rule, dtype) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_running_max(dtype):
    assert (
        distance(descend(running_max()), mapped(lambda g: np.max(g, axis=0).clip(0)), dtype)
        < TOLERANCE[dtype]
    )


def test_running_max_of_complex_updates_is_of_their_magnitude():
    rule = mapped(lambda g: np.max(np.abs(g), axis=0))
    assert distance(descend(running_max()), rule, "complex64") < TOLERANCE["complex64"]

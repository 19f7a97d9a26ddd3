"""Steps relative to the size of the parameters, against Shazeer and Stern (2018), in double precision."""

from collections.abc import Iterator
from typing import Any

from gradtx import chain, scale_by_learning_rate, scale_by_param_block_rms
from tests.rules.test_adafactor import rms
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, parameters, rate


@DTYPES
def test_steps_relative_to_the_parameters(dtype):
    """With a least size that the root mean squares of some leaves are below."""
    least = 1.0

    @leafwise
    def relative(theta: Any, steps: list[Any]) -> Iterator[Any]:
        for t, g in enumerate(steps):
            theta = theta - rate(t) * max(rms(theta), least) * g
            yield theta

    sizes = [rms(leaf) > least for leaf in parameters(dtype).values()]
    assert True in sizes
    assert False in sizes
    tx = chain(scale_by_param_block_rms(least), scale_by_learning_rate(rate))
    assert distance(tx, relative(), dtype) < TOLERANCE[dtype]

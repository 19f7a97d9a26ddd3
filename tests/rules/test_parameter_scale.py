"""Steps relative to the size of the parameters, in double precision.

Shazeer and Stern (2018) take the root mean square, You, Gitman and Ginsburg (2017) the norm.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from gradtx import chain, scale_by_learning_rate, scale_by_param_block_norm, scale_by_param_block_rms
from tests.rules.test_adafactor import rms
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, parameters, rate


def length(theta: Any) -> Any:
    return np.sqrt(np.sum(np.abs(theta) ** 2))


@DTYPES
@pytest.mark.parametrize(
    ("rule", "size"), [(scale_by_param_block_rms, rms), (scale_by_param_block_norm, length)]
)
def test_steps_relative_to_the_parameters(dtype: str, rule: Any, size: Callable[[Any], Any]) -> None:
    """With a least size between those of the two leaves."""
    least = float(np.mean([size(leaf) for leaf in parameters(dtype).values()]))

    @leafwise
    def relative(theta: Any, steps: list[Any]) -> Iterator[Any]:
        for t, g in enumerate(steps):
            theta = theta - rate(t) * max(size(theta), least) * g
            yield theta

    tx = chain(rule(least), scale_by_learning_rate(rate))
    assert distance(tx, relative(), dtype) < TOLERANCE[dtype]

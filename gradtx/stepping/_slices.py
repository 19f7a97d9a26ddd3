"""The slices in which a step runs whose state has arrays of less than 32 bits."""

import math
from collections.abc import Sequence
from typing import Any

CHUNK = 32_768
"""The numbers in a slice on a CPU, whose caches hold them."""

LARGE_CHUNK = 2**22
"""The numbers in a slice on an accelerator, which starts a program for each."""


def has_narrow(leaves: Sequence[Any], chunk: int) -> bool:
    """Whether one of the arrays has less than 32 bits and is large enough for a loop over slices."""
    return any(
        math.prod(leaf.shape) >= 2 * chunk and leaf.dtype.itemsize < 4 and leaf.dtype != bool
        for leaf in leaves
        if hasattr(leaf, "dtype")
    )

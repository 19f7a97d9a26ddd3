"""The division of arrays into slices of neighbours, which lie together in memory."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple


class Cut(NamedTuple):
    """The slices of arrays that belong to one chunk.

    A slice has one index of each axis before `axis`, `size` indices of it, and all of the axes after it.
    """

    shape: tuple[int, ...]
    axis: int
    size: int

    def sliced(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the slice of an array.

        Raises:
          NotSliceableError: for an array without the leading axes of the group.
        """
        k = self.axis
        last = k == len(self.shape) - 1
        if len(shape) <= k or shape[:k] != self.shape[:k] or shape[k] == 0:
            raise NotSliceableError
        ratio = self.shape[k] // shape[k]
        if ratio * shape[k] != self.shape[k] or self.size % ratio or (ratio > 1 and not last):
            raise NotSliceableError
        return (*(1 for _ in range(k)), self.size // ratio, *shape[k + 1 :])

    def start(self, shape: tuple[int, ...], place: Sequence[Any]) -> list[Any]:
        """The first index of the slice at `place`, the index of its numbers in the group's leading axes."""
        ratio = self.shape[self.axis] // shape[self.axis]
        zeros = [0] * (len(shape) - self.axis - 1)
        return [*place[: self.axis], place[self.axis] // ratio, *zeros]


class NotSliceableError(Exception):
    """A program that is not the same on each chunk."""


def cut_for(shape: tuple[int, ...], chunk: int) -> Cut:
    """The cut of arrays of this shape into slices of about `chunk` numbers, which lie together in memory."""
    axis, inner = 0, math.prod(shape[1:])
    while inner > chunk:
        axis += 1
        inner //= shape[axis]
    size = min(shape[axis], chunk // inner)
    if axis == len(shape) - 1:
        return Cut(shape, axis, size)  # a power of two, which the blocks of a format divide
    even = next(number for number in range(size, 0, -1) if shape[axis] % number == 0)
    return Cut(shape, axis, even if 2 * even > size else size)

"""One view of all arrays of a group, in rows: a slice of it is a number of neighbouring rows."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

Shape = tuple[int, ...]


class NotSliceableError(Exception):
    """A program that is not the same on each slice."""


class Slice(NamedTuple):
    """`size` rows from the row `first` on, of arrays that have `number` rows each.

    The rows of an array are its neighbours in memory: a matrix in blocks and the scales of its blocks have as
    many rows as there are blocks, with a block and a number in each.
    """

    number: int
    size: int
    first: Any = 0

    def leading(self, shape: Shape) -> int:
        """The number of leading axes whose indices together are the index of a row.

        Raises:
          NotSliceableError: where an axis goes across rows.
        """
        for axes in range(len(shape) + 1):
            if math.prod(shape[:axes]) == self.number:
                return axes
        raise NotSliceableError

    def row(self, shape: Shape) -> Shape:
        """The shape of a row of an array.

        Raises:
          NotSliceableError: for an array that has not as many rows of one size.
        """
        if math.prod(shape) % self.number or not shape:
            raise NotSliceableError
        try:
            return shape[self.leading(shape) :]
        except NotSliceableError:
            return (math.prod(shape) // self.number,)

    def sliced(self, shape: Shape) -> Shape:
        """The shape of the slice of an array."""
        return (self.size, *self.row(shape))


def candidates(shapes: Sequence[Shape], chunk: int) -> Iterable[Slice]:
    """Slices of about `chunk` numbers of the largest of these arrays, those of the shortest rows first."""
    largest = max(shapes, key=math.prod)
    rows = [math.gcd(*map(math.prod, shapes)), *(math.prod(largest[:k]) for k in range(len(largest), 0, -1))]
    for number in dict.fromkeys(rows):
        length = math.prod(largest) // number
        if length <= chunk and number < 2**31:  # the index of a row is an int32
            yield Slice(number, _even(number, min(number, chunk // length)))


def _even(number: int, size: int) -> int:
    """`size`, or a number above its half of which `number` is a multiple."""
    return next((even for even in range(size, size // 2, -1) if number % even == 0), size)

"""One view of all arrays of a group, in rows: a slice of it is a number of neighbouring rows."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax

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
        axes = self._leading(shape)
        if axes is None:
            raise NotSliceableError
        return axes

    def _leading(self, shape: Shape) -> int | None:
        return next((k for k in range(len(shape) + 1) if math.prod(shape[:k]) == self.number), None)

    def row(self, shape: Shape) -> Shape:
        """The shape of a row of an array.

        Raises:
          NotSliceableError: for an array that has not as many rows of one size.
        """
        length, left = divmod(math.prod(shape), self.number)
        if left or not shape:
            raise NotSliceableError
        axes = self._leading(shape)
        return (length,) if axes is None else shape[axes:]

    def sliced(self, shape: Shape) -> Shape:
        """The shape of the slice of an array."""
        return (self.size, *self.row(shape))

    def rows(self, array: Any) -> Any:
        """An array with an axis of rows, before those of a row."""
        return array.reshape(self.number, *self.row(array.shape))

    def of(self, rows: Any) -> Any:
        """The slice of an array in rows."""
        return jax.lax.dynamic_slice_in_dim(rows, self.first, self.size, 0)

    def put(self, rows: Any, slice_: Any) -> Any:
        """An array in rows with another slice."""
        return jax.lax.dynamic_update_slice_in_dim(rows, slice_, self.first, 0)

    def after(self, turns: Any) -> "Slice":
        """The slice that comes so many slices later."""
        return self._replace(first=self.first + turns * self.size)


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

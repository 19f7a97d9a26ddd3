"""The choice of two axes of a leaf as its rows and columns."""

from collections.abc import Callable
from typing import Any

Axes = str | tuple[int, int] | Callable[[tuple[int, ...]], tuple[int, int] | None]
"""`"largest"`, a pair (rows, columns), or a function from a shape to such a pair or `None`."""


def as_axes(axes: Any) -> Axes:
    """The axes to factor in a hashable form.

    Raises:
      ValueError: for anything else than `"largest"`, two integers or a function.
    """
    pair = isinstance(axes, tuple) and len(axes) == 2 and all(isinstance(axis, int) for axis in axes)
    if pair or axes == "largest" or callable(axes):
        return axes  # pyright: ignore[reportReturnType] - the result of a function is known only after a call
    raise ValueError(
        f"axes must be 'largest', a pair (rows, columns) or a function of the shape, got {axes!r}."
    )


def factored_axes(axes: Axes, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The axes of rows and columns in a leaf of this shape; `None` for a leaf that is not factored.

    Raises:
      ValueError: where `axes` does not name two different axes of the leaf.
    """
    ndim = len(shape)
    if ndim < 2:
        return None
    if isinstance(axes, str):
        row, column = sorted(range(ndim), key=lambda axis: shape[axis])[-2:]
        return row, column
    pair = axes(shape) if callable(axes) else axes
    if pair is None:
        return None
    row, column = pair
    if not (-ndim <= row < ndim and -ndim <= column < ndim and row % ndim != column % ndim):
        raise ValueError(f"A leaf of shape {shape} cannot be factored along the axes {tuple(pair)}.")
    return row % ndim, column % ndim

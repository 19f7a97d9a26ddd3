"""Leaves as batches of matrices: the input axes, the output axes and the batch axes of a leaf."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gradtx.arithmetic._sharding import made_whole, split_as

LAST_TWO = "... in out"
"""The axes of a kernel in Flax and Haiku: inputs, then outputs; any axes before them are batch axes."""

MATRICES = "in in in in... out | ... in out"
"""A leaf of four or more axes, the kernel of a convolution, as one matrix; others as `LAST_TWO`."""


@dataclass(frozen=True)
class MuonDimensionNumbers:
    """The input axes and the output axes of a leaf, by number; the others are batch axes.

    `MuonDimensionNumbers(-2, -1)` is `"... in out"`, and `MuonDimensionNumbers((0, 1), 2)` is `"in in out"`.

    Args:
      reduction_axis: the input axis, or a tuple of input axes.
      output_axis: the output axis, or a tuple of output axes.
    """

    reduction_axis: Any = 0
    output_axis: Any = 1

    def __post_init__(self) -> None:
        for name in ("reduction_axis", "output_axis"):
            axes = getattr(self, name)
            object.__setattr__(self, name, axes if isinstance(axes, int) else tuple(axes))


class MatrixAxes(NamedTuple):
    """The axes of one leaf, numbered from 0."""

    batch: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def order(self) -> tuple[int, ...]:
        """All axes, in the order of a batch of matrices."""
        return (*self.batch, *self.inputs, *self.outputs)


def axes_of(spec: Any, ndim: int) -> MatrixAxes:
    """The axes that `spec` names in a leaf of `ndim` axes.

    `...` stands for any number of axes: with the name before it, as in `in...`, or else for batch axes. Of
    several forms, separated by `|`, the first that has as many axes counts.

    >>> axes_of("in head out", 3)
    MatrixAxes(batch=(1,), inputs=(0,), outputs=(2,))
    >>> axes_of("in in in in... out | ... in out", 4)
    MatrixAxes(batch=(), inputs=(0, 1, 2), outputs=(3,))
    >>> axes_of("in in in in... out | ... in out", 3)
    MatrixAxes(batch=(0,), inputs=(1,), outputs=(2,))

    Raises:
      ValueError: when the leaf lacks the axes that `spec` names.
    """
    if isinstance(spec, MuonDimensionNumbers):
        inputs, outputs = (_counted(axes, ndim) for axes in (spec.reduction_axis, spec.output_axis))
    else:
        names = _names_of_axes(spec, ndim)
        inputs, outputs = (tuple(i for i, name in enumerate(names) if name == own) for own in ("in", "out"))
    if not inputs or not outputs or len({*inputs, *outputs}) < len(inputs) + len(outputs):
        raise ValueError(f"{spec!r} does not tell inputs from outputs")
    return MatrixAxes(tuple(i for i in range(ndim) if i not in (*inputs, *outputs)), inputs, outputs)


def on_matrices(function: Callable[[jax.Array], jax.Array], x: jax.Array, spec: Any) -> jax.Array:
    """`function` applied to `x` as a batch of matrices, of shape (..., inputs, outputs).

    On a mesh with explicit axes the matrices are made whole first and split again afterwards.
    """
    return from_matrices(function(to_matrices(x, spec)), x, spec)


def to_matrices(x: jax.Array, spec: Any) -> jax.Array:
    """`x` as a batch of matrices, of shape (..., inputs, outputs), whole on an explicit mesh."""
    axes = axes_of(spec, x.ndim)
    shape = (*(x.shape[axis] for axis in axes.batch), *fans(x.shape, axes))
    whole = made_whole(x, (*axes.inputs, *axes.outputs))
    return jnp.transpose(whole, axes.order).reshape(shape)


def from_matrices(matrices: jax.Array, like: jax.Array, spec: Any) -> jax.Array:
    """The inverse of `to_matrices`: matrices in the shape and the sharding of the leaf `like`."""
    axes = axes_of(spec, like.ndim)
    ordered = matrices.reshape([like.shape[axis] for axis in axes.order])
    x = jnp.transpose(ordered, [axes.order.index(axis) for axis in range(like.ndim)])
    return split_as(like, x)


def along_side(x: jax.Array, spec: Any, side: int) -> jax.Array:
    """An array of the batch axes and one side of the matrices, -2 or -1, with the sharding of `x` there."""
    axes = axes_of(spec, jnp.ndim(x))
    own, other = (axes.inputs, axes.outputs) if side == -2 else (axes.outputs, axes.inputs)
    left = [axis for axis in range(jnp.ndim(x)) if axis not in other]
    rows = jnp.transpose(jnp.sum(x, other), [left.index(axis) for axis in (*axes.batch, *own)])
    if len(own) == 1:
        return rows
    rows = made_whole(rows, range(len(axes.batch), rows.ndim))
    return rows.reshape(*rows.shape[: len(axes.batch)], -1)


def fans(shape: tuple[int, ...], axes: MatrixAxes) -> tuple[int, int]:
    """The number of inputs and the number of outputs of each matrix of a leaf."""
    return math.prod(shape[axis] for axis in axes.inputs), math.prod(shape[axis] for axis in axes.outputs)


def check_axes(spec: Any) -> None:
    """Raises for a `spec` that is neither names of inputs and outputs nor `MuonDimensionNumbers`."""
    if isinstance(spec, MuonDimensionNumbers):
        return
    if not isinstance(spec, str):
        raise TypeError(
            f"the axes of a matrix are names, as in {LAST_TWO!r} or 'in head out', or MuonDimensionNumbers, "
            f"got {spec!r}"
        )
    for alternative in spec.split("|"):
        names = alternative.split()
        if not {"in", "out"} <= {name.removesuffix("...") for name in names} or alternative.count("...") > 1:
            raise ValueError(
                f"the names of axes must have 'in' and 'out', and '...' at most once, got {spec!r}"
            )


def _names_of_axes(spec: str, ndim: int) -> list[str]:
    """A name for each of `ndim` axes, by the first alternative that has so many."""
    for alternative in spec.split("|"):
        if names := _spread(alternative.split(), ndim):
            return names
    raise ValueError(f"{spec!r} names another number of axes")


def _spread(names: list[str], ndim: int) -> list[str]:
    """The names with each `...` as the axes that have no name of their own; empty if they do not fit."""
    more = ndim - sum(not each.endswith("...") for each in names)
    spread = [
        name for each in names for name in [each.removesuffix("...")] * (more if each.endswith("...") else 1)
    ]
    return spread if len(spread) == ndim else []


def _counted(axes: Any, ndim: int) -> tuple[int, ...]:
    axes = (axes,) if isinstance(axes, int) else axes
    if not all(-ndim <= axis < ndim for axis in axes):
        raise ValueError(f"it has no axes {axes}")
    return tuple(axis % ndim for axis in axes)

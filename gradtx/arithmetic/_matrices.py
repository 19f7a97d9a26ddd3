"""Leaves as batches of matrices: the input axes, the output axes and the batch axes of a leaf."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

LAST_TWO = "... in out"
"""The axes of a kernel in Flax and Haiku: inputs, then outputs; any axes before them are batch axes."""


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

    >>> axes_of("in head out", 3)
    MatrixAxes(batch=(1,), inputs=(0,), outputs=(2,))

    Raises:
      ValueError: when the leaf lacks the axes that `spec` names.
    """
    if isinstance(spec, MuonDimensionNumbers):
        inputs, outputs = (_counted(axes, ndim) for axes in (spec.reduction_axis, spec.output_axis))
    else:
        names = _spread(spec.split(), ndim)
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


def fans(shape: tuple[int, ...], axes: MatrixAxes) -> tuple[int, int]:
    """The number of inputs and the number of outputs of each matrix of a leaf."""
    return math.prod(shape[axis] for axis in axes.inputs), math.prod(shape[axis] for axis in axes.outputs)


def made_whole(x: jax.Array, along: Collection[int]) -> jax.Array:
    """`x`, unsplit along these axes if a mesh with explicit axes splits it there."""
    spec = jax.typeof(x).sharding.spec
    if all(spec[axis] is None for axis in along):
        return x
    kept = (spec[axis] if axis not in along else None for axis in range(x.ndim))
    return jax.sharding.reshard(x, jax.sharding.PartitionSpec(*kept))


def split_as(like: jax.Array, x: jax.Array) -> jax.Array:
    """`x`, split as `like` is if a mesh with explicit axes splits either."""
    sharding = jax.typeof(like).sharding
    return x if jax.typeof(x).sharding.spec == sharding.spec else jax.sharding.reshard(x, sharding)


def check_axes(spec: Any) -> None:
    """Raises for a `spec` that is neither names of inputs and outputs nor `MuonDimensionNumbers`."""
    if isinstance(spec, MuonDimensionNumbers):
        return
    if not isinstance(spec, str):
        raise TypeError(
            f"the axes of a matrix are names, as in {LAST_TWO!r} or 'in head out', or MuonDimensionNumbers, "
            f"got {spec!r}"
        )
    names = spec.split()
    if not {"in", "out"} <= set(names) or names.count("...") > 1:
        raise ValueError(f"the names of axes must have 'in' and 'out', and '...' at most once, got {spec!r}")


def _spread(names: list[str], ndim: int) -> list[str]:
    """A name for each axis; `...` stands for all axes without a name of their own."""
    more = ndim - len(names) + ("..." in names)
    if more < 0 or (more > 0 and "..." not in names):
        raise ValueError(f"{' '.join(names)!r} names another number of axes")
    return [name for each in names for name in ([""] * more if each == "..." else [each])]


def _counted(axes: Any, ndim: int) -> tuple[int, ...]:
    axes = (axes,) if isinstance(axes, int) else axes
    if not all(-ndim <= axis < ndim for axis in axes):
        raise ValueError(f"it has no axes {axes}")
    return tuple(axis % ndim for axis in axes)

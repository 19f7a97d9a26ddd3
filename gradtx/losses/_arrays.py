"""The arrays of a loss: in one shape, in float32 or wider, and without the elements that do not count."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.tree import arithmetic_dtype

Axis: TypeAlias = int | Sequence[int] | None
"""One axis, several, or `None` for all of them."""


def as_floats(who: str, **arrays: ArrayLike) -> list[Array]:
    """The arrays in one floating-point dtype, which is float32 or wider.

    Args:
      who: the name of the loss, for the error.
      **arrays: the arrays by the names of their arguments. The first one must be floating-point; integers and
        booleans among the others are converted.

    Raises:
      TypeError: where the first one is not floating-point, or another one is complex.
    """
    each = [jnp.asarray(array) for array in arrays.values()]
    for index, (name, array) in enumerate(zip(arrays, each, strict=True)):
        fits = jnp.issubdtype(array.dtype, jnp.floating)
        if not fits and (index == 0 or jnp.iscomplexobj(array)):
            raise TypeError(
                f"{who}: {name} must be floating-point, got {array.dtype} of shape {array.shape}. "
                f"Convert it, as in {name}.astype(jnp.float32)."
            )
    floats = (array.dtype for array in each if jnp.issubdtype(array.dtype, jnp.floating))
    dtype = arithmetic_dtype(*floats)
    return [array.astype(dtype) for array in each]


def as_integers(who: str, labels: ArrayLike) -> Array:
    """The labels as an array.

    Raises:
      TypeError: where they are not integers.
    """
    labels = jnp.asarray(labels)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"{who}: labels must be integers, got {labels.dtype}: each is the number of a class.")
    return labels


def in_one_shape(who: str, **arrays: Array) -> list[Array]:
    """The arrays, broadcast to the shape of one of them.

    Two shapes that each lack an axis of the other are nearly always a mistake: (n,) beside (n, 1) would give
    n^2 losses.

    Raises:
      ValueError: where none of the arrays has the shape that all of them broadcast to.
    """
    shapes = [array.shape for array in arrays.values()]
    try:
        whole = jnp.broadcast_shapes(*shapes)
    except ValueError:
        whole = None
    if whole not in shapes:
        named = " and ".join(f"{name} {array.shape}" for name, array in arrays.items())
        outcome = "do not broadcast" if whole is None else f"broadcast to {whole}, the shape of neither"
        first, *_, last = arrays
        raise ValueError(
            f"{who}: {named} {outcome}.\nGive them one shape, as in {last}.reshape({first}.shape)."
        )
    return [jnp.broadcast_to(array, whole) for array in arrays.values()]


def elementwise(
    who: str, function: Callable[..., Array], where: ArrayLike | None, **arrays: ArrayLike
) -> Array:
    """`function` of the arrays, element by element, and 0 at the elements that `where` leaves out.

    An element that is left out has no derivative either, whatever its value is.
    """
    each = in_one_shape(who, **dict(zip(arrays, as_floats(who, **arrays), strict=True)))
    if where is None:
        return function(*each)
    mask = mask_of(who, where, each[0].shape)
    return jnp.where(mask, function(*(jnp.where(mask, array, 0) for array in each)), 0)


def mask_of(who: str, where: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    """`where` as booleans of this shape; all are true without it.

    Raises:
      ValueError: where it does not broadcast to this shape.
    """
    mask = jnp.asarray(True if where is None else where).astype(bool)
    if not _broadcasts(mask.shape, shape):
        raise ValueError(f"{who}: where must broadcast to the shape {shape} of the arrays, got {mask.shape}.")
    return jnp.broadcast_to(mask, shape)


def _broadcasts(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether arrays of this shape broadcast to `whole`."""
    try:
        return jnp.broadcast_shapes(shape, whole) == whole
    except ValueError:
        return False


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes as numbers from 0 on, in their order.

    Raises:
      ValueError: for an axis that is not there, or that is named twice.
    """
    axes = range(ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    if not all(-ndim <= one < ndim for one in axes):
        raise ValueError(f"axis must be between {-ndim} and {ndim - 1}, got {axis}.")
    numbers = tuple(one % ndim for one in axes)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"axis must name each axis once, got {axis}.")
    return numbers


def mask_of_classes(
    who: str, where: ArrayLike | None, shape: tuple[int, ...], axes: tuple[int, ...]
) -> Array:
    """`where` as booleans of the shape of the scores; it may lack the axes of the classes."""
    if where is not None and axes and jnp.ndim(where) == len(shape) - len(axes):
        where = jnp.expand_dims(jnp.asarray(where), axes)
    return mask_of(who, where, shape)


def is_class(
    labels: ArrayLike, shape: tuple[int, ...], axes: tuple[int, ...], who: str
) -> tuple[Array, Array]:
    """Whether each score is that of its label, and whether each label is one of the classes.

    The classes are numbered along `axes`, the last of which varies fastest.

    Args:
      labels: integers in the shape of the scores without `axes`.
      shape: the shape of the scores.
      axes: the axes of the classes.
      who: the name of the loss, for the error.

    Raises:
      TypeError: for labels that are not integers.
      ValueError: for labels of another shape.
    """
    labels = as_integers(who, labels)
    batch = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    if not _broadcasts(labels.shape, batch):
        raise ValueError(
            f"{who}: labels must have the shape {batch}, that of the logits {shape} without the classes, got "
            f"{labels.shape}."
        )
    labels = jnp.broadcast_to(labels, batch).astype(jnp.int32)
    along = [1] * len(shape)
    number, stride = jnp.zeros(along, jnp.int32), 1
    for axis in reversed(axes):
        one = [size if place == axis else 1 for place, size in enumerate(shape)]
        number = number + stride * jax.lax.broadcasted_iota(jnp.int32, one, axis)
        stride *= shape[axis]
    count = math.prod(shape[axis] for axis in axes)
    hits = jnp.broadcast_to(number, shape) == jnp.broadcast_to(jnp.expand_dims(labels, axes), shape)
    return hits, (labels >= 0) & (labels < count)

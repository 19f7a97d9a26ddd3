"""The operations of a plain program, each on a slice of its arrays."""

import math
from collections.abc import Callable, Container, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn, Literal, Var

from gradtx.stepping._plain import ELEMENTWISE, bind
from gradtx.stepping._programs import is_array, shape_of
from gradtx.stepping._rows import NotSliceableError, Shape, Slice

Operation = Callable[[Sequence[Any]], Sequence[Any]]


def on_slices(equation: JaxprEqn, cut: Slice, whole: Container[Var]) -> Operation:
    """An operation as a function of slices, and of the arrays themselves for the variables in `whole`.

    Raises:
      NotSliceableError: for an operation that is not the same on each slice.
    """
    name, params = equation.primitive.name, equation.params
    if name == BARRIER:
        return lambda inputs: bind(equation, inputs)
    arrays = [atom for atom in (*equation.invars, *equation.outvars) if is_array(atom)]
    shapes = [shape_of(atom) for atom in arrays if not is_in(whole, atom)]
    for shape in shapes:
        cut.row(shape)  # refuses an array without such rows
    if name == "broadcast_in_dim" and shapes:
        return _broadcast(equation, cut, is_in(whole, equation.invars[0]))
    if not shapes or len(shapes) < len(arrays):
        raise NotSliceableError(name)
    if name == "iota":
        return _iota(cut, **params)
    if name == "squeeze":
        return lambda inputs: [inputs[0].reshape(cut.sliced(shapes[1]))]
    if name in ELEMENTWISE:
        return lambda inputs: bind(equation, inputs)
    if name not in _OF_SHAPE:
        raise NotSliceableError(name)
    changed = _OF_SHAPE[name](cut, shapes, params)
    return lambda inputs: bind(equation, inputs, **changed)


BARRIER = "optimization_barrier"


def is_in(whole: Container[Var], atom: Var | Literal) -> bool:
    """Whether a variable is one of these."""
    return not isinstance(atom, Literal) and atom in whole


def _broadcast(equation: JaxprEqn, cut: Slice, whole: bool) -> Operation:
    operand, out = shape_of(equation.invars[0]), shape_of(equation.outvars[0])
    if not operand:
        return lambda inputs: bind(equation, inputs, shape=cut.sliced(out))
    axes, leading = tuple(equation.params["broadcast_dimensions"]), cut.leading(out)
    across = sum(axis < leading for axis in axes)
    along = (0, *(axis - leading + 1 for axis in axes[across:]))
    of_each = operand[:leading] == out[:leading] and axes[:leading] == tuple(range(leading))
    of_all = whole and math.prod(operand[:across]) == 1
    if not (of_each or of_all):
        raise NotSliceableError

    def broadcast(inputs: Sequence[Any]) -> Sequence[Any]:
        (x,) = inputs
        if whole:
            x = cut.of(cut.rows(x)) if of_each else x.reshape(1, *operand[across:])
        return bind(equation, [x], shape=cut.sliced(out), broadcast_dimensions=along)

    return broadcast


def _iota(cut: Slice, *, dtype: Any, shape: Shape, dimension: int, **_: Any) -> Operation:
    leading = cut.leading(shape)
    if dimension >= leading:
        return lambda inputs: [jax.lax.broadcasted_iota(dtype, cut.sliced(shape), dimension - leading + 1)]

    def along_rows(inputs: Sequence[Any]) -> Sequence[Any]:
        row = cut.first + jax.lax.iota(jnp.int32, cut.size)
        index = row // math.prod(shape[dimension + 1 : leading]) % shape[dimension]
        return [jax.lax.broadcast_in_dim(index.astype(dtype), cut.sliced(shape), (0,))]

    return along_rows


def _reshape(cut: Slice, shapes: list[Shape], params: dict[str, Any]) -> dict[str, Any]:
    if params["dimensions"] is not None:
        raise NotSliceableError
    return {"new_sizes": cut.sliced(shapes[1])}


def _reduce(cut: Slice, shapes: list[Shape], params: dict[str, Any]) -> dict[str, Any]:
    leading = cut.leading(shapes[0])
    if min(params["axes"]) < leading:
        raise NotSliceableError
    return {"axes": tuple(axis - leading + 1 for axis in params["axes"])}


def _part(cut: Slice, shapes: list[Shape], params: dict[str, Any]) -> dict[str, Any]:
    before, after = shapes
    leading = cut.leading(before)
    if before[:leading] != after[:leading] or params["strides"] is not None:
        raise NotSliceableError
    first, end = (tuple(params[name][leading:]) for name in ("start_indices", "limit_indices"))
    return {"start_indices": (0, *first), "limit_indices": (cut.size, *end)}


def _pad(cut: Slice, shapes: list[Shape], params: dict[str, Any]) -> dict[str, Any]:
    leading, edges = cut.leading(shapes[0]), params["padding_config"]
    if any(map(any, edges[:leading])):
        raise NotSliceableError
    return {"padding_config": ((0, 0, 0), *edges[leading:])}


_OF_SHAPE: dict[str, Callable[[Slice, list[Shape], dict[str, Any]], dict[str, Any]]] = {
    "reshape": _reshape,
    "slice": _part,
    "pad": _pad,
    **dict.fromkeys(("reduce_max", "reduce_min", "reduce_sum", "reduce_and", "reduce_or"), _reduce),
}
"""Primitives that change a shape, with functions to the parameters that differ on a slice."""

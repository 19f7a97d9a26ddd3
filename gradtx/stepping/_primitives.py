"""The operations of a program, each on a slice of its arrays."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var

from gradtx.stepping._rows import NotSliceableError, Shape, Slice


def evaluate(body: Sequence[JaxprEqn], environment: dict[Var, Any], cut: Slice) -> None:
    """Adds to `environment` the slice of every variable that `body` computes, from those that it reads."""
    for equation in body:
        inputs = [atom.val if isinstance(atom, Literal) else environment[atom] for atom in equation.invars]
        with equation.ctx.manager:
            outputs = _on_slices(equation, inputs, cut)
        environment.update(zip(equation.outvars, outputs, strict=True))


def _on_slices(equation: JaxprEqn, inputs: list[Any], cut: Slice) -> Sequence[Any]:
    name, params = equation.primitive.name, equation.params
    if name in _CALLS:
        return _called(next(params[key] for key in _CALLS[name] if key in params), inputs, cut)
    shapes = [shape_of(atom) for atom in (*equation.invars, *equation.outvars)]
    if any(shapes):
        arrays = {shape for shape in shapes if shape}
        for shape in arrays:
            cut.row(shape)  # refuses an array without such rows
        if name == "iota":
            return [_iota(cut, **params)]
        if name in _OF_SHAPE:
            params = {**params, **_OF_SHAPE[name](cut, shapes, params)}
        elif name == "squeeze":
            return [inputs[0].reshape(cut.sliced(shapes[1]))]
        elif name not in _ELEMENTWISE or (len(arrays) > 1 and len({s[: cut.leading(s)] for s in arrays}) > 1):
            raise NotSliceableError(name)  # an axis of length 1 is broadcast across rows
    outputs = equation.primitive.bind(*inputs, **params)
    return outputs if equation.primitive.multiple_results else [outputs]


def _called(jaxpr: Any, inputs: list[Any], cut: Slice) -> list[Any]:
    inner: Jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    environment = dict(zip(inner.invars, inputs, strict=True))
    environment.update(zip(inner.constvars, getattr(jaxpr, "consts", ()), strict=True))
    if any(map(shape_of, inner.constvars)):
        raise NotSliceableError
    evaluate(inner.eqns, environment, cut)
    return [atom.val if isinstance(atom, Literal) else environment[atom] for atom in inner.outvars]


def _iota(cut: Slice, *, dtype: Any, shape: Shape, dimension: int, **_: Any) -> Any:
    leading = cut.leading(shape)
    if dimension >= leading:
        return jax.lax.broadcasted_iota(dtype, cut.sliced(shape), dimension - leading + 1)
    row = cut.first + jax.lax.iota(jnp.int32, cut.size)
    along = row // math.prod(shape[dimension + 1 : leading]) % shape[dimension]
    return jax.lax.broadcast_in_dim(along.astype(dtype), cut.sliced(shape), (0,))


def _broadcast(cut: Slice, shapes: list[Shape], params: dict[str, Any]) -> dict[str, Any]:
    operand, *_, out = shapes
    axes = tuple(params["broadcast_dimensions"])
    if operand:
        leading = cut.leading(out)
        if operand[:leading] != out[:leading] or axes[:leading] != tuple(range(leading)):
            raise NotSliceableError
        axes = (0, *(axis - leading + 1 for axis in axes[leading:]))
    return {"shape": cut.sliced(out), "broadcast_dimensions": axes}


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
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "slice": _part,
    "pad": _pad,
    **dict.fromkeys(("reduce_max", "reduce_min", "reduce_sum", "reduce_and", "reduce_or"), _reduce),
}
"""Primitives that change a shape, with functions to the parameters that differ on a slice."""

_CALLS = {
    **dict.fromkeys(
        ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2"), ("jaxpr", "call_jaxpr")
    ),
    "custom_jvp_call": ("call_jaxpr",),
    "custom_vjp_call": ("call_jaxpr", "fun_jaxpr"),
    "custom_vjp_call_jaxpr": ("fun_jaxpr",),
}
"""Primitives that run a jaxpr, with the names of its parameter."""

_ELEMENTWISE = frozenset(
    """
    abs acos acosh add and asin asinh atan atan2 atanh bitcast_convert_type cbrt ceil clamp clz complex
    conj convert_element_type copy copy_p cos cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor
    ge gt imag integer_pow is_finite le lgamma log log1p logistic lt max min mul mul_add ne neg
    nextafter not optimization_barrier or population_count pow real reduce_precision rem round rsqrt
    select_n shift_left shift_right_arithmetic shift_right_logical sign sin sinh sqrt square
    stop_gradient sub tan tanh xor
    """.split()  # noqa: SIM905 - a name a line would be a page
)
"""Primitives of which an element of the result depends on the elements at its place alone."""


def shape_of(var: Any) -> Shape:
    """The shape of a variable or a literal of a program."""
    return var.aval.shape

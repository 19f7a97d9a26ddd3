"""The operations of a program, each on a slice of its arrays."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var

from gradtx.stepping._cuts import Cut, NotSliceableError


def evaluate(body: Sequence[JaxprEqn], environment: dict[Var, Any], cut: Cut, place: Sequence[Any]) -> None:
    """Adds to `environment` the slice of every variable that `body` computes, from those that it reads."""
    for equation in body:
        inputs = [atom.val if isinstance(atom, Literal) else environment[atom] for atom in equation.invars]
        with equation.ctx.manager:
            outputs = _on_slices(equation, inputs, cut, place)
        environment.update(zip(equation.outvars, outputs, strict=True))


def _on_slices(equation: JaxprEqn, inputs: list[Any], cut: Cut, place: Sequence[Any]) -> Sequence[Any]:
    name, params = equation.primitive.name, equation.params
    if name in _CALLS:
        return _called(next(params[key] for key in _CALLS[name] if key in params), inputs, cut, place)
    shapes = [shape_of(atom) for atom in (*equation.invars, *equation.outvars)]
    if any(shapes):
        params = dict(params)
        if name in _OF_SHAPE:
            _OF_SHAPE[name](params, shapes, cut)
        elif name == "iota":
            return [_iota(params, cut, place)]
        elif name not in _ELEMENTWISE:
            raise NotSliceableError(name)
        for shape in filter(None, shapes):
            cut.sliced(shape)  # refuses an array that is broadcast along the axis that is cut
    outputs = equation.primitive.bind(*inputs, **params)
    return outputs if equation.primitive.multiple_results else [outputs]


def _called(jaxpr: Any, inputs: list[Any], cut: Cut, place: Sequence[Any]) -> list[Any]:
    inner: Jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    environment = dict(zip(inner.invars, inputs, strict=True))
    environment.update(zip(inner.constvars, getattr(jaxpr, "consts", ()), strict=True))
    if any(map(shape_of, inner.constvars)):
        raise NotSliceableError
    evaluate(inner.eqns, environment, cut, place)
    return [atom.val if isinstance(atom, Literal) else environment[atom] for atom in inner.outvars]


def _iota(params: dict[str, Any], cut: Cut, place: Sequence[Any]) -> Any:
    shape, dimension = params["shape"], params["dimension"]
    numbers = jax.lax.broadcasted_iota(params["dtype"], cut.sliced(shape), dimension)
    if dimension > cut.axis:
        return numbers
    return numbers + jnp.asarray(cut.start(shape, place)[dimension]).astype(params["dtype"])


def _broadcast(params: dict[str, Any], shapes: list[tuple[int, ...]], cut: Cut) -> None:
    *operands, out = shapes
    kept = tuple(params["broadcast_dimensions"])[: cut.axis + 1]
    if operands[0] and (
        kept != tuple(range(cut.axis + 1)) or operands[0][: cut.axis + 1] != out[: cut.axis + 1]
    ):
        raise NotSliceableError
    params["shape"] = cut.sliced(out)


def _reshape(params: dict[str, Any], shapes: list[tuple[int, ...]], cut: Cut) -> None:
    before, after = shapes
    if params["dimensions"] is not None or before[: cut.axis] != after[: cut.axis]:
        raise NotSliceableError
    cut.sliced(before)
    params["new_sizes"] = cut.sliced(after)


def _reduce(params: dict[str, Any], shapes: list[tuple[int, ...]], cut: Cut) -> None:
    if min(params.get("axes", params.get("dimensions", ()))) <= cut.axis:
        raise NotSliceableError


def _part(params: dict[str, Any], shapes: list[tuple[int, ...]], cut: Cut) -> None:
    before, after = shapes
    if before[: cut.axis + 1] != after[: cut.axis + 1] or params["strides"] is not None:
        raise NotSliceableError
    params["limit_indices"] = cut.sliced(after)[: cut.axis + 1] + tuple(
        params["limit_indices"][cut.axis + 1 :]
    )


def _pad(params: dict[str, Any], shapes: list[tuple[int, ...]], cut: Cut) -> None:
    if any(any(edges) for edges in params["padding_config"][: cut.axis + 1]):
        raise NotSliceableError


_OF_SHAPE: dict[str, Callable[[dict[str, Any], list[tuple[int, ...]], Cut], None]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "slice": _part,
    "pad": _pad,
    "squeeze": _reduce,
    **dict.fromkeys(("reduce_max", "reduce_min", "reduce_sum", "reduce_and", "reduce_or"), _reduce),
}
"""Primitives that change a shape, with the functions that fit their parameters to a slice."""

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


def shape_of(var: Any) -> tuple[int, ...]:
    """The shape of a variable or a literal of a program."""
    return var.aval.shape

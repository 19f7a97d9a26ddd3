"""Programs that run a group of arrays in chunks, in a loop that changes the arrays in place.

XLA on CPU keeps whole arrays between the loops of a fused program when it converts between precisions: the
decoded state of 8-bit Adam alone takes 12 bytes a parameter. A loop over chunks keeps one chunk. The group
must be equal to itself on each chunk: elementwise, or within blocks of neighbours that a chunk holds whole.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var

from gradtx.stepping._slices import is_narrow_array


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


def is_narrow(body: list[JaxprEqn], chunk: int) -> bool:
    """Whether a group has an array of less than 32 bits that is large enough for a loop."""
    variables = (atom for equation in body for atom in (*equation.invars, *equation.outvars))
    return any(is_narrow_array(_aval(atom), chunk) for atom in variables)


def has_codes(variables: Sequence[Var]) -> bool:
    """Whether a group has an array of codes: of bfloat16 alone, one program for it needs as little memory."""
    return any(jnp.issubdtype(_aval(var).dtype, jnp.integer) for var in variables if _shape(var))


def looped(
    body: list[JaxprEqn], reads: list[Var], writes: list[Var], reused: dict[int, int], chunk: int
) -> Callable[..., Sequence[Any]] | None:
    """The program of `body` as a loop over chunks; `None` where it has to see whole arrays.

    Args:
      body: the equations of the group.
      reads: the variables that it reads.
      writes: the variables that it writes.
      reused: for the position of a written variable the position of the read one whose memory it takes.
      chunk: about the numbers in a chunk.
    """
    shape = max((_shape(var) for var in (*reads, *writes)), key=math.prod)
    if math.prod(shape) < 2 * chunk:
        return None
    cut = cut_for(shape, chunk)
    loop = _Loop(body, reads, writes, reused, cut)
    try:
        jax.eval_shape(loop, *(jax.ShapeDtypeStruct(_shape(var), _aval(var).dtype) for var in reads))
    except NotSliceableError:
        return None
    return loop


class _Loop:
    def __init__(
        self,
        body: list[JaxprEqn],
        reads: list[Var],
        writes: list[Var],
        reused: dict[int, int],
        cut: Cut,
    ):
        self.body, self.reads, self.writes, self.reused, self.cut = body, reads, writes, reused, cut

    def __call__(self, *arrays: Any) -> list[Any]:
        if not all(map(_shape, self.writes)):
            raise NotSliceableError  # a number, such as a norm
        results = [
            _as_bits(arrays[self.reused[index]])
            if index in self.reused
            else jnp.zeros(_shape(var), _bits(_aval(var).dtype))
            for index, var in enumerate(self.writes)
        ]
        cut, length = self.cut, self.cut.shape[self.cut.axis]
        whole, rest = length // cut.size, length % cut.size
        results = self._sweep(results, arrays, cut, 0, whole)
        if rest:
            results = self._sweep(results, arrays, cut._replace(size=rest), whole * cut.size, 1)
        return [_from_bits(array, _aval(var).dtype) for array, var in zip(results, self.writes, strict=True)]

    def _sweep(
        self, results: list[Any], arrays: Sequence[Any], cut: Cut, first: int, number: int
    ) -> list[Any]:
        """`results` with the slices `first`, `first + size` and so on, at each index of the axes before."""
        leading = cut.shape[: cut.axis]

        def one(turn: Any, results: list[Any]) -> list[Any]:
            before, along = jnp.divmod(turn, number) if leading else (turn, turn)
            place = [*_unraveled(before, leading), first + along * cut.size]
            held = dict(zip(self.reused.values(), (results[i] for i in self.reused), strict=True))
            slices = [
                _slice(held.get(position, array), cut, place) if jnp.ndim(array) else array
                for position, array in enumerate(arrays)
            ]
            # In a loop of one turn, a number that XLA does not see: else it reads a slice again after the
            # result is in its place, from a copy of the whole array. The body of a loop, unlike a branch,
            # runs on all cores of a CPU.
            once = (turn >= 0).astype(jnp.int32)
            nothing = [jnp.zeros(cut.sliced(_shape(var)), _bits(_aval(var).dtype)) for var in self.writes]
            parts = jax.lax.fori_loop(0, once, lambda _, old: self._part(cut, slices, place), nothing)
            return [
                jax.lax.dynamic_update_slice(array, part, cut.start(array.shape, place))
                for array, part in zip(results, parts, strict=True)
            ]

        return jax.lax.fori_loop(0, math.prod(leading) * number, one, results)

    def _part(self, cut: Cut, slices: list[Any], place: list[Any]) -> list[Any]:
        """The slices of the results, from those of the arrays."""
        given = (_from_bits(x, _aval(var).dtype) for x, var in zip(slices, self.reads, strict=True))
        environment = dict(zip(self.reads, given, strict=True))
        _evaluate(self.body, environment, cut, place)
        return [_as_bits(environment[var]) for var in self.writes]


def _bits(dtype: Any) -> Any:
    """The dtype in which a loop changes an array: XLA on CPU would widen a whole array of 16-bit floats."""
    return jnp.uint16 if dtype.itemsize == 2 and jnp.issubdtype(dtype, jnp.floating) else dtype


def _as_bits(x: Any) -> Any:
    return jax.lax.bitcast_convert_type(x, _bits(x.dtype)) if _bits(x.dtype) != x.dtype else x


def _from_bits(x: Any, dtype: Any) -> Any:
    return jax.lax.bitcast_convert_type(x, dtype) if x.dtype != dtype else x


def _slice(array: Any, cut: Cut, place: Sequence[Any]) -> Any:
    return jax.lax.dynamic_slice(array, cut.start(array.shape, place), cut.sliced(array.shape))


def _unraveled(index: Any, shape: tuple[int, ...]) -> list[Any]:
    """The index in each axis of a shape, from the place in the row-major order."""
    found: list[Any] = []
    for length in reversed(shape):
        index, own = jnp.divmod(index, length)
        found.append(own)
    return found[::-1]


def _evaluate(body: Sequence[JaxprEqn], environment: dict[Var, Any], cut: Cut, place: Sequence[Any]) -> None:
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
    shapes = [_shape(atom) for atom in (*equation.invars, *equation.outvars)]
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
    if any(map(_shape, inner.constvars)):
        raise NotSliceableError
    _evaluate(inner.eqns, environment, cut, place)
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


def _aval(var: Any) -> Any:
    return var.aval


def _shape(var: Any) -> tuple[int, ...]:
    return _aval(var).shape

"""Programs that run a group of arrays in chunks, in a loop that changes the arrays in place.

XLA on CPU keeps whole arrays between the loops of a fused program when it converts between precisions: the
decoded state of 8-bit Adam alone takes 12 bytes a parameter. A loop over chunks keeps one chunk. The group
must be equal to itself on each chunk: elementwise, or within blocks of neighbours that a chunk holds whole.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn, Var

from gradtx.stepping._cuts import Cut, NotSliceableError, cut_for
from gradtx.stepping._primitives import evaluate, shape_of
from gradtx.stepping._slices import is_narrow_array


def is_narrow(body: list[JaxprEqn], chunk: int) -> bool:
    """Whether a group has an array of less than 32 bits that is large enough for a loop."""
    variables = (atom for equation in body for atom in (*equation.invars, *equation.outvars))
    return any(is_narrow_array(_aval(atom), chunk) for atom in variables)


def has_codes(variables: Sequence[Var]) -> bool:
    """Whether a group has an array of codes: of bfloat16 alone, one program for it needs as little memory."""
    return any(jnp.issubdtype(_aval(var).dtype, jnp.integer) for var in variables if shape_of(var))


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
    shape = max((shape_of(var) for var in (*reads, *writes)), key=math.prod)
    if math.prod(shape) < 2 * chunk:
        return None
    cut = cut_for(shape, chunk)
    loop = _Loop(body, reads, writes, reused, cut)
    try:
        jax.eval_shape(loop, *(jax.ShapeDtypeStruct(shape_of(var), _aval(var).dtype) for var in reads))
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
        if not all(map(shape_of, self.writes)):
            raise NotSliceableError  # a number, such as a norm
        results = [
            _as_bits(arrays[self.reused[index]])
            if index in self.reused
            else jnp.zeros(shape_of(var), _bits(_aval(var).dtype))
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

        def place_of(turn: Any) -> list[Any]:
            before, along = jnp.divmod(turn, number) if leading else (turn, turn)
            return [*_unraveled(before, leading), first + along * cut.size]

        def one(turn: Any, results: list[Any]) -> list[Any]:
            held = dict(zip(self.reused.values(), (results[i] for i in self.reused), strict=True))

            def part(turn: Any, _: list[Any]) -> list[Any]:
                place = place_of(turn)
                slices = [
                    _slice(held.get(position, array), cut, place) if jnp.ndim(array) else array
                    for position, array in enumerate(arrays)
                ]
                return self._part(cut, slices, place)

            # In a loop of one turn, a number that XLA does not see: else it reads a slice again after the
            # result is in its place, from a copy of the whole array. The body of a loop, unlike a branch,
            # runs on all cores of a CPU.
            once = (turn >= 0).astype(jnp.int32)
            nothing = [jnp.zeros(cut.sliced(shape_of(var)), _bits(_aval(var).dtype)) for var in self.writes]
            parts = jax.lax.fori_loop(turn, turn + once, part, nothing)
            return [
                jax.lax.dynamic_update_slice(array, part, cut.start(array.shape, place_of(turn)))
                for array, part in zip(results, parts, strict=True)
            ]

        return jax.lax.fori_loop(0, math.prod(leading) * number, one, results)

    def _part(self, cut: Cut, slices: list[Any], place: list[Any]) -> list[Any]:
        """The slices of the results, from those of the arrays."""
        given = (_from_bits(x, _aval(var).dtype) for x, var in zip(slices, self.reads, strict=True))
        environment = dict(zip(self.reads, given, strict=True))
        evaluate(self.body, environment, cut, place)
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


def _aval(var: Any) -> Any:
    return var.aval

"""Programs that run a group of arrays in slices, in a loop that changes the arrays in place.

XLA on CPU keeps whole arrays between the loops of a fused program when it converts between precisions: the
decoded state of 8-bit Adam alone takes 4 bytes a parameter. A loop over slices keeps those of one slice. The
group must do the same on each slice: elementwise, or within blocks of neighbours that a slice holds whole.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn, Var

from gradtx.stepping._primitives import evaluate, shape_of
from gradtx.stepping._rows import NotSliceableError, Slice, candidates
from gradtx.stepping._slices import is_narrow_array


def is_narrow(body: list[JaxprEqn], chunk: int) -> bool:
    """Whether a group has an array of less than 32 bits that is large enough for a loop."""
    variables = (atom for equation in body for atom in (*equation.invars, *equation.outvars))
    return any(is_narrow_array(_aval(atom), chunk) for atom in variables)


def has_codes(variables: Sequence[Var]) -> bool:
    """Whether a group has an array of codes.

    A loop holds an array of bfloat16 as bits, of which XLA on CPU makes a copy: without codes it has no use.
    """
    return any(jnp.issubdtype(_aval(var).dtype, jnp.integer) for var in variables if shape_of(var))


def looped(
    body: list[JaxprEqn], reads: list[Var], writes: list[Var], reused: dict[int, int], chunk: int
) -> Callable[..., Sequence[Any]] | None:
    """The program of `body` as a loop over slices; `None` where it has to see whole arrays.

    Args:
      body: the equations of the group.
      reads: the variables that it reads.
      writes: the variables that it writes.
      reused: for the position of a written variable the position of the read one whose memory it takes.
      chunk: about the numbers in a slice.
    """
    shapes = [shape for var in (*reads, *writes) if (shape := shape_of(var))]
    if max(map(math.prod, shapes), default=0) < 2 * chunk:
        return None
    for cut in candidates(shapes, chunk):
        loop = _Loop(body, reads, writes, reused, cut)
        try:
            jax.eval_shape(loop, *(jax.ShapeDtypeStruct(shape_of(var), _aval(var).dtype) for var in reads))
        except NotSliceableError:
            continue
        return loop
    return None


class _Loop:
    def __init__(
        self,
        body: list[JaxprEqn],
        reads: list[Var],
        writes: list[Var],
        reused: dict[int, int],
        cut: Slice,
    ):
        self.body, self.reads, self.writes, self.reused, self.cut = body, reads, writes, reused, cut

    def __call__(self, *arrays: Any) -> list[Any]:
        cut = self.cut
        if not all(map(shape_of, self.writes)):
            raise NotSliceableError  # a number, such as a norm
        rows = [_as_bits(_in_rows(array, cut)) if jnp.ndim(array) else array for array in arrays]
        results = [
            rows[self.reused[index]]
            if index in self.reused
            else jnp.zeros((cut.number, *cut.row(shape_of(var))), _bits(_aval(var).dtype))
            for index, var in enumerate(self.writes)
        ]
        whole, rest = divmod(cut.number, cut.size)
        results = self._sweep(results, rows, cut, whole)
        if rest:
            results = self._sweep(results, rows, cut._replace(size=rest, first=whole * cut.size), 1)
        return [
            _from_bits(array, _aval(var).dtype).reshape(shape_of(var))
            for array, var in zip(results, self.writes, strict=True)
        ]

    def _sweep(self, results: list[Any], arrays: Sequence[Any], cut: Slice, number: int) -> list[Any]:
        """`results` with `number` slices, of which `cut` is the first."""

        def one(turn: Any, carried: tuple[list[Any], list[Any]]) -> tuple[list[Any], list[Any]]:
            results, parts = carried
            held = dict(zip(self.reused.values(), (results[i] for i in self.reused), strict=True))

            def part(turn: Any, _: list[Any]) -> list[Any]:
                here = cut._replace(first=cut.first + turn * cut.size)
                slices = [
                    _slice(held.get(position, array), here) if jnp.ndim(array) else array
                    for position, array in enumerate(arrays)
                ]
                return self._part(here, slices)

            # In a loop of one turn, a number that XLA does not see: else it reads a slice again after the
            # result is in its place, from a copy of the whole array. The body of a loop, unlike a branch,
            # runs on all cores of a CPU. It begins with the last parts, since zeros would be written anew.
            once = (turn >= 0).astype(jnp.int32)
            parts = jax.lax.fori_loop(turn, turn + once, part, parts)
            start = cut.first + turn * cut.size
            results = [
                jax.lax.dynamic_update_slice_in_dim(array, part, start, 0)
                for array, part in zip(results, parts, strict=True)
            ]
            return results, parts

        nothing = [jnp.zeros(cut.sliced(shape_of(var)), _bits(_aval(var).dtype)) for var in self.writes]
        return jax.lax.fori_loop(0, number, one, (results, nothing))[0]

    def _part(self, cut: Slice, slices: list[Any]) -> list[Any]:
        """The slices of the results, from those of the arrays."""
        given = (_from_bits(x, _aval(var).dtype) for x, var in zip(slices, self.reads, strict=True))
        environment = dict(zip(self.reads, given, strict=True))
        evaluate(self.body, environment, cut)
        return [_as_bits(environment[var]) for var in self.writes]


def _bits(dtype: Any) -> Any:
    """The dtype in which a loop holds an array: XLA on CPU would widen a whole array of 16-bit floats."""
    return jnp.uint16 if dtype.itemsize == 2 and jnp.issubdtype(dtype, jnp.floating) else dtype


def _as_bits(x: Any) -> Any:
    return jax.lax.bitcast_convert_type(x, _bits(x.dtype)) if _bits(x.dtype) != x.dtype else x


def _from_bits(x: Any, dtype: Any) -> Any:
    return jax.lax.bitcast_convert_type(x, dtype) if x.dtype != dtype else x


def _in_rows(array: Any, cut: Slice) -> Any:
    return array.reshape(cut.number, *cut.row(array.shape))


def _slice(array: Any, cut: Slice) -> Any:
    return jax.lax.dynamic_slice_in_dim(array, cut.first, cut.size, 0)


def _aval(var: Any) -> Any:
    return var.aval

"""Programs that run a group of arrays in slices, in a loop that changes the arrays in place.

XLA on CPU keeps whole arrays between the loops of a fused program when it converts between precisions: the
decoded state of 8-bit Adam alone takes 4 bytes a parameter. A loop over slices keeps those of one slice. The
group must do the same on each slice: elementwise, or within blocks of neighbours that a slice holds whole.
Norms and sums over the group come before the loop.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, Var

from gradtx.stepping._parts import Parts, parts_of
from gradtx.stepping._plain import Environment, evaluate, plain, values_of
from gradtx.stepping._primitives import on_slices
from gradtx.stepping._programs import kind_of, shape_of
from gradtx.stepping._rows import NotSliceableError, Slice, candidates


def looped(jaxpr: Jaxpr, reused: dict[int, int], chunk: int) -> Callable[..., Sequence[Any]] | None:
    """The program of a group as a loop over slices; `None` where it has to see whole arrays.

    Args:
      jaxpr: the program.
      reused: for the position of a written variable the position of the read one whose memory it takes.
      chunk: about the numbers in a slice.
    """
    shapes = list(filter(None, map(shape_of, (*jaxpr.invars, *jaxpr.outvars))))
    if max(map(math.prod, shapes), default=0) < 2 * chunk:
        return None
    closed = plain(jaxpr)
    reads, writes = closed.jaxpr.invars, closed.jaxpr.outvars
    parts = next(_all_parts(closed.jaxpr, candidates(shapes, chunk)), None)
    return parts and _Loop(closed, parts, {writes[i]: reads[j] for i, j in reused.items()})


def _all_parts(jaxpr: Jaxpr, cuts: Iterable[Slice]) -> Iterator[Parts]:
    for cut in cuts:
        with suppress(NotSliceableError):
            yield parts_of(jaxpr, cut)


class _Loop:
    def __init__(self, closed: ClosedJaxpr, parts: Parts, reused: dict[Any, Var]):
        self.jaxpr, self.consts, self.parts, self.reused = closed.jaxpr, closed.consts, parts, reused

    def __call__(self, *arrays: Any) -> list[Any]:
        cut, first, second, whole = self.parts
        given_by = (*self.jaxpr.constvars, *self.jaxpr.invars), (*self.consts, *arrays)
        values: Environment = dict(zip(*given_by, strict=True))
        values.update(zip(first.outvars, evaluate(first, values_of(first.invars, values)), strict=True))
        given = {
            var: values[var] if var in whole else _as_bits(cut.rows(values[var])) for var in second.invars
        }
        results = [
            given[self.reused[var]]
            if self.reused.get(var) in given
            else jnp.zeros((cut.number, *cut.row(shape_of(var))), _bits(kind_of(var)[1]))
            for var in second.outvars
        ]
        number, rest = divmod(cut.number, cut.size)
        results = self._sweep(results, given, cut, number)
        if rest:
            results = self._sweep(results, given, cut._replace(size=rest, first=number * cut.size), 1)
        for var, rows in zip(second.outvars, results, strict=True):
            values[var] = _from_bits(rows, kind_of(var)[1]).reshape(shape_of(var))
        return values_of(self.jaxpr.outvars, values)

    def _sweep(self, results: list[Any], given: Environment, cut: Slice, number: int) -> list[Any]:
        """`results` with `number` slices, of which `cut` is the first."""
        writes = self.parts.second.outvars

        def part(turn: Any, results: list[Any]) -> list[Any]:
            held = {self.reused[var]: x for var, x in zip(writes, results, strict=True) if var in self.reused}
            return self._part({**given, **held}, cut.after(turn))

        def one(turn: Any, carried: tuple[list[Any], list[Any]]) -> tuple[list[Any], list[Any]]:
            results, parts = carried
            # In a loop of one turn, a number that XLA does not see: else it reads a slice again after the
            # result is in its place, from a copy of the whole array. The body of a loop, unlike a branch,
            # runs on all cores of a CPU. It begins with the last parts, since zeros would be written anew.
            once = (turn >= 0).astype(jnp.int32)
            parts = jax.lax.fori_loop(turn, turn + once, lambda turn, _: part(turn, results), parts)
            results = [cut.after(turn).put(x, new) for x, new in zip(results, parts, strict=True)]
            return results, parts

        nothing = [jnp.zeros(cut.sliced(shape_of(var)), _bits(kind_of(var)[1])) for var in writes]
        return jax.lax.fori_loop(0, number, one, (results, nothing))[0]

    def _part(self, given: Environment, cut: Slice) -> list[Any]:
        """The slices of the results, from the arrays in rows."""
        _, _, second, whole = self.parts
        values = {
            var: x if var in whole else _from_bits(cut.of(x), kind_of(var)[1]) for var, x in given.items()
        }
        for equation in second.eqns:
            with equation.ctx.manager:
                outputs = on_slices(equation, cut, whole)(values_of(equation.invars, values))
            values.update(zip(equation.outvars, outputs, strict=True))
        return [_as_bits(values[var]) for var in second.outvars]


def _bits(dtype: Any) -> Any:
    """The dtype in which a loop holds an array: XLA on CPU would widen a whole array of 16-bit floats."""
    return jnp.uint16 if dtype.itemsize == 2 and jnp.issubdtype(dtype, jnp.floating) else dtype


def _as_bits(x: Any) -> Any:
    return jax.lax.bitcast_convert_type(x, _bits(x.dtype)) if _bits(x.dtype) != x.dtype else x


def _from_bits(x: Any, dtype: Any) -> Any:
    return jax.lax.bitcast_convert_type(x, dtype) if x.dtype != dtype else x

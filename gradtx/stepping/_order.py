"""The order of the writes of a program, where XLA would copy an array to have all at once."""

from collections.abc import Sequence
from typing import NamedTuple

from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var

from gradtx.stepping._plain import ELEMENTWISE, plain
from gradtx.stepping._primitives import BARRIER
from gradtx.stepping._programs import is_array, is_large, kind_of, program_for


class Program(NamedTuple):
    """A program, with the positions of its variables among those of the program that it is a part of."""

    jaxpr: Jaxpr
    reads: list[int]
    writes: list[int]


def entire(jaxpr: Jaxpr) -> Program:
    """A program as the only part of itself."""
    return Program(jaxpr, list(range(len(jaxpr.invars))), list(range(len(jaxpr.outvars))))


def in_order(jaxpr: Jaxpr, free: Sequence[bool]) -> list[Program]:
    """A program as one, or as two, of which the second writes over arrays that the first one reads.

    Lion steps by the old average, and so does any rule that stores an average in 16 bits, since its step
    follows from the average in full precision. In one program XLA on CPU copies the old average, to read it
    after the new one is in its place. Here the second program makes the new one, elementwise. A program with
    effects is one: both parts would have them.

    Args:
      jaxpr: the program.
      free: for each variable that it reads whether its memory may be reused.
    """
    if jaxpr.effects or not any(map(is_large, jaxpr.outvars)):
        return [entire(jaxpr)]
    closed = plain(jaxpr)
    simple = closed.jaxpr
    writes = [atom for atom in simple.outvars if not isinstance(atom, Literal)]
    owned = {var for var, is_free in zip(simple.invars, free, strict=True) if is_free}
    last = [] if closed.consts else [var for var in writes if _is_read_before(var, simple, writes, owned)]
    first = [var for var in writes if var not in last]
    if not last or not first or len(set(writes)) < len(simple.outvars):
        return [entire(jaxpr)]
    parts = (program_for(simple, simple.eqns, own) for own in (first, last))
    return [
        Program(part, list(map(simple.invars.index, part.invars)), list(map(writes.index, part.outvars)))
        for part in parts
    ]


def _is_read_before(var: Var, jaxpr: Jaxpr, writes: list[Var], owned: set[Var]) -> bool:
    """Whether an array follows elementwise from its own old value, which other results read besides it."""
    if not is_large(var) or var in jaxpr.invars:
        return False
    own = program_for(jaxpr, jaxpr.eqns, [var])
    old = owned.intersection(own.invars)
    others = [other for other in writes if other is not var]
    without = [equation for equation in jaxpr.eqns if var not in equation.outvars]
    return (
        [*map(kind_of, old)] == [kind_of(var)]
        and all(map(_is_elementwise, own.eqns))
        and not old.isdisjoint(program_for(jaxpr, without, others).invars)
    )


def _is_elementwise(equation: JaxprEqn) -> bool:
    return equation.primitive.name in _AT_EACH_PLACE or not any(map(is_array, equation.outvars))


_AT_EACH_PLACE = ELEMENTWISE | {BARRIER, "broadcast_in_dim", "iota"}
"""Primitives of which an element of the result follows from the elements at its place, or from a number."""

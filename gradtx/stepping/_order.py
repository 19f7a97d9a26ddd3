"""The order of two writes of a group, where XLA would copy an array to have both."""

from collections.abc import Iterator, Sequence

from jax.extend.core import Jaxpr, JaxprEqn, Var

from gradtx.stepping._programs import has_codes, kind_of, program_for, read_by, variables
from gradtx.stepping._slices import is_narrow_array


def stored_last(
    jaxpr: Jaxpr, bodies: Sequence[list[JaxprEqn]], donated: Sequence[Var], chunk: int
) -> list[list[JaxprEqn]]:
    """The programs of a step, in which an average of 16 bits is stored by a program of its own.

    The other results follow from the average in full precision, and so from its old value. In one program XLA
    on CPU copies the array, to read it after the new value is in its place. Here that program comes last.

    Args:
      jaxpr: the step.
      bodies: the equations of each program.
      donated: the variables whose memory may be reused.
      chunk: the least size of an array is twice this one.
    """
    read = {var for body in bodies for var in read_by(body)}
    needed = read.union(variables(jaxpr.outvars))
    return [part for body in bodies for part in _in_order(jaxpr, body, needed, set(donated), chunk)]


def _in_order(
    jaxpr: Jaxpr, body: list[JaxprEqn], needed: set[Var], donated: set[Var], chunk: int
) -> Iterator[list[JaxprEqn]]:
    writes = [var for equation in body for var in equation.outvars if var in needed]
    if not has_codes(read_by(body)):
        for var in writes:
            if len(writes) > 1 and is_narrow_array(var.aval, chunk):
                last = program_for(jaxpr, body, [var]).eqns
                # Of the arrays that are overwritten, it reads its own old value alone.
                if [kind_of(old) for old in donated.intersection(read_by(last))] == [kind_of(var)]:
                    others = [other for other in writes if other is not var]
                    before = program_for(jaxpr, body, others).eqns
                    yield from _in_order(jaxpr, before, needed, donated, chunk)
                    yield last
                    return
    yield body

"""The two parts of a group: operations that see whole arrays, such as norms, and after them those on slices.

A rule that divides by a norm of a leaf is not the same on each slice, but its operations before the norm are,
and those after it. The first part ends in numbers, and in arrays that are smaller than the leaf, such as the
sums of rows and of columns of Adafactor. The second part begins with these and with slices of the arrays of
the group. It repeats those operations of the first part that it needs.
"""

import math
from typing import NamedTuple

from jax.extend.core import Jaxpr, JaxprEqn, Var

from gradtx.stepping._primitives import BARRIER, is_in, on_slices
from gradtx.stepping._programs import program_for, shape_of, variables
from gradtx.stepping._rows import NotSliceableError, Slice


class Parts(NamedTuple):
    """The parts of a program, and the variables that the second one does not see in slices."""

    cut: Slice
    first: Jaxpr
    second: Jaxpr
    whole: set[Var]


def parts_of(jaxpr: Jaxpr, cut: Slice) -> Parts:
    """The parts of a plain program on these slices.

    Raises:
      NotSliceableError: where all of it has to see whole arrays.
    """
    largest = max(map(shape_of, jaxpr.invars), key=math.prod)
    given = {*jaxpr.constvars, *jaxpr.invars}
    whole = {*jaxpr.constvars, *(var for var in given if len(shape_of(var)) < len(largest))}
    for var in given - whole:
        cut.row(shape_of(var))  # refuses an array without such rows
    sliced = list[JaxprEqn]()
    for equation in jaxpr.eqns:
        if _is_on_slices(equation, cut, whole):
            sliced.append(equation)
        else:
            whole.update(equation.outvars)
    results = list(variables(jaxpr.outvars))
    second = program_for(jaxpr, sliced, [var for var in results if var not in whole])
    needed = dict.fromkeys([*(var for var in results if var in whole), *second.invars])
    first = program_for(jaxpr, jaxpr.eqns, [var for var in needed if var not in given])
    if not second.eqns:
        raise NotSliceableError
    return Parts(cut, first, second, whole)


def _is_on_slices(equation: JaxprEqn, cut: Slice, whole: set[Var]) -> bool:
    """Whether an operation is on slices; what a barrier returns of whole arrays is added to `whole`."""
    if equation.primitive.name == BARRIER:
        passed = zip(equation.invars, equation.outvars, strict=True)
        whole.update(out for atom, out in passed if is_in(whole, atom))
    try:
        on_slices(equation, cut, whole)
    except NotSliceableError:
        return False
    return True

"""Programs as lists of operations, and their variables."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var
from jax.interpreters.partial_eval import dce_jaxpr


def kind_of(atom: Var | Literal) -> tuple[tuple[int, ...], Any]:
    """The shape and the dtype of a variable or a literal."""
    aval: Any = atom.aval
    return aval.shape, aval.dtype


def shape_of(atom: Var | Literal) -> tuple[int, ...]:
    """The shape of a variable or a literal."""
    return kind_of(atom)[0]


def is_array(atom: Var | Literal) -> bool:
    """Whether a variable or a literal is an array and not a number."""
    return shape_of(atom) != ()


LARGE = 2**16
"""The numbers of an array that is worth a program of its own."""


def is_large(atom: Var | Literal) -> bool:
    """Whether a variable is an array that is worth a program of its own."""
    return math.prod(shape_of(atom)) >= LARGE


def has_codes(reads: Iterable[Var]) -> bool:
    """Whether one of the variables is an array of codes.

    A loop holds an array of bfloat16 as bits, of which XLA on CPU makes a copy: without codes it has no use.
    """
    return any(jnp.issubdtype(kind_of(var)[1], jnp.integer) for var in reads if is_array(var))


def variables(atoms: Iterable[Var | Literal]) -> Iterable[Var]:
    """The variables among variables and literals."""
    return (atom for atom in atoms if not isinstance(atom, Literal))


def read_by(body: Iterable[JaxprEqn]) -> list[Var]:
    """The variables that a program reads, in the order of first use."""
    used, made = dict[Var, None](), set[Var]()
    for equation in body:
        used.update(dict.fromkeys(variables(equation.invars)))
        made.update(equation.outvars)
    return [var for var in used if var not in made]


def program_for(jaxpr: Jaxpr, body: Sequence[JaxprEqn], writes: Sequence[Var]) -> Jaxpr:
    """The operations of which these variables follow, as a program of the variables that they read."""
    made = {var for equation in body for var in equation.outvars}
    used = dict.fromkeys(var for var in (*read_by(body), *writes) if var not in made)
    given = [*(var for var in jaxpr.invars if var in used), *(var for var in used if var not in jaxpr.invars)]
    whole = jaxpr.replace(constvars=[], invars=given, outvars=list(writes), eqns=list(body))
    return dce_jaxpr(whole, [True] * len(writes))[0]

"""The groups of a traced step: arrays that meet in an operation, and the order of their parts."""

from collections import defaultdict

import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, Var

from gradtx.stepping._programs import is_array, kind_of, variables

Unit = int | None
"""The number of a group, or `None` for shared numbers."""


def units_of(jaxpr: Jaxpr, equations: list[JaxprEqn]) -> list[Unit]:
    """The group of each equation: arrays that meet in an operation on arrays belong to one group."""
    parents: list[int] = []

    def root(group: int) -> int:
        while parents[group] != group:
            parents[group] = parents[parents[group]]
            group = parents[group]
        return group

    groups: dict[Var, int] = {}
    for var in jaxpr.invars:
        if is_array(var) and jnp.issubdtype(kind_of(var)[1], jnp.inexact):
            groups[var] = len(parents)
            parents.append(len(parents))
    met: list[list[int]] = []
    for equation in equations:
        meeting = sorted({root(groups[var]) for var in variables(equation.invars) if var in groups})
        met.append(meeting)
        if meeting and any(map(is_array, equation.outvars)):
            for group in meeting:
                parents[group] = meeting[0]
            groups.update({var: meeting[0] for var in equation.outvars if is_array(var)})
    units: list[Unit] = []
    for index, meeting in enumerate(met):
        roots = {root(group) for group in meeting}
        # A number from several groups, such as a norm, is a unit of its own.
        units.append(roots.pop() if len(roots) == 1 else len(parents) + index if roots else None)
    return units


def levels_of(equations: list[JaxprEqn], units: list[Unit]) -> list[int]:
    """A level for each equation, above those of all values from other units, and as high as possible.

    Equations of one level run in one program. At the lowest level, an equation without a shared number would
    be in another program than the rest of its group, with its result in memory between the two.
    """
    producer = {var: index for index, equation in enumerate(equations) for var in equation.outvars}
    earliest: list[int] = []
    last: dict[Unit, int] = defaultdict(int)
    for equation, unit in zip(equations, units, strict=True):
        inputs = [producer[var] for var in variables(equation.invars) if var in producer]
        level = max((earliest[index] + (units[index] != unit) for index in inputs), default=0)
        earliest.append(level)
        last[unit] = max(last[unit], level)
    latest = [last[unit] for unit in units]
    for index in reversed(range(len(equations))):
        for var in variables(equations[index].invars):
            if (maker := producer.get(var)) is not None:
                latest[maker] = min(latest[maker], latest[index] - (units[maker] != units[index]))
    return latest

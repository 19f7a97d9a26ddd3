"""The division of a traced step into small programs of a few leaves; equal programs are compiled once.

A step over thousands of leaves repeats a few leaf functions, and one program for the step compiles every
repetition. Here the traced step is divided along its dataflow. Arrays that meet in one operation belong to
one *group*: a parameter with its gradient and its statistics. Numbers do not join groups: bias corrections,
the value of a schedule or a norm over all leaves are *shared*. A group that waits for a shared number that
waits for the group, as for a norm, is divided in two.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from gradtx.stepping._groups import Unit, levels_of, units_of
from gradtx.stepping._loops import looped
from gradtx.stepping._order import Program, entire, in_order
from gradtx.stepping._programs import has_codes, is_large, kind_of, read_by, variables
from gradtx.tree import chunked

Atom = Var | Literal


class Call(NamedTuple):
    """One program, and the slots of the values that it reads and writes."""

    program: Callable[..., Sequence[Any]]
    reads: list[int]
    writes: list[int]


class Plan(NamedTuple):
    """A step as a sequence of calls over one list of values: constants, arguments and computed values.

    `kinds` has the shape and the dtype of each value.
    """

    constants: list[Any]
    size: int
    calls: list[Call]
    results: list[int | Literal]
    copied: list[bool]
    kinds: list[Any]

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        """The flat results for flat arguments."""
        values = [*self.constants, *arguments]
        values += [None] * (self.size - len(values))
        for program, reads, writes in self.calls:
            for slot, value in zip(writes, program(*[values[slot] for slot in reads]), strict=True):
                values[slot] = value
        results = [slot.val if isinstance(slot, Literal) else values[slot] for slot in self.results]
        return [jnp.array(x) if copy else x for x, copy in zip(results, self.copied, strict=True)]


CHUNK = 4
"""About the number of equal groups of small arrays in one program.

More take longer to compile, and are hardly faster. Each group of large arrays has a program of its own, so
that the temporaries are those of one group.
"""


def split(
    closed: ClosedJaxpr, donated: Iterable[int] = (), chunk: int = CHUNK, slices: int | None = None
) -> Plan:
    """The plan of a traced step.

    Args:
      closed: the step; a jaxpr from `jax.make_jaxpr`.
      donated: the positions of the arguments whose memory may be reused, at best by the result at the same
        position.
      chunk: about the number of equal groups in one program.
      slices: about the numbers of a slice, where a group with arrays of less than 32 bits runs in a loop over
        slices; `None` for no loops.
    """
    jaxpr = closed.jaxpr
    equations = _live(jaxpr)
    units = units_of(jaxpr, equations)
    stages: dict[tuple[int, Unit], list[JaxprEqn]] = defaultdict(list)
    for equation, level, unit in zip(equations, levels_of(equations, units), units, strict=True):
        stages[level, unit].append(equation)
    lendable = [jaxpr.invars[position] for position in donated]
    slots = {var: slot for slot, var in enumerate([*jaxpr.constvars, *jaxpr.invars])}
    calls = _calls(jaxpr, _chunked(stages, chunk), lendable, slots, slices)
    results = [var if isinstance(var, Literal) else slots[var] for var in jaxpr.outvars]
    lent = {*jaxpr.constvars, *jaxpr.invars}.difference(lendable)
    own = _not_its_own(jaxpr.outvars, lent)
    kinds = [jax.ShapeDtypeStruct(*kind_of(var)) for var in slots]
    return Plan(list(closed.consts), len(slots), calls, results, own, kinds)


def _calls(
    jaxpr: Jaxpr,
    bodies: list[list[JaxprEqn]],
    donated: list[Var],
    slots: dict[Var, int],
    slices: int | None,
) -> list[Call]:
    """A call for each body; the slots of the values that it writes are added to `slots`."""
    last_reader = {var: index for index, body in enumerate(bodies) for var in read_by(body)}
    kept = {var for var in jaxpr.outvars if not isinstance(var, Literal)}
    reusable = set(donated) - kept
    pairs = zip(jaxpr.invars, jaxpr.outvars, strict=False)
    old = {new: var for var, new in pairs if not isinstance(new, Literal)}
    programs: dict[Hashable, list[Call]] = {}
    calls: list[Call] = []
    for index, body in enumerate(bodies):
        reads = read_by(body)
        made = [var for equation in body for var in equation.outvars]
        writes = [var for var in made if var in kept or last_reader.get(var, index) > index]
        # In the order of their old values, whose memory `jax.jit` gives to results in this order.
        places: dict[Any, int] = {var: place for place, var in enumerate(reads)}
        writes.sort(key=lambda var: places.get(old.get(var), len(reads)))
        free = tuple(var in reusable and last_reader[var] == index for var in reads)
        key = _signature(body, reads, writes), free
        if key not in programs:
            part = jaxpr.replace(constvars=[], invars=reads, outvars=writes, eqns=body)
            programs[key] = _compiled(part, free, slices)
        for var in writes:
            slots[var] = len(slots)
        for program, read, written in programs[key]:
            calls.append(Call(program, [slots[reads[i]] for i in read], [slots[writes[i]] for i in written]))
    return calls


def _live(jaxpr: Jaxpr) -> list[JaxprEqn]:
    """The equations whose results are read."""
    wanted, live = set(variables(jaxpr.outvars)), list[JaxprEqn]()
    for equation in reversed(jaxpr.eqns):
        if equation.effects or not wanted.isdisjoint(equation.outvars):
            wanted.update(variables(equation.invars))
            live.append(equation)
    return live[::-1]


def _chunked(stages: dict[tuple[int, Unit], list[JaxprEqn]], chunk: int) -> list[list[JaxprEqn]]:
    """The equations of each program, in the order in which the programs run."""
    alike: dict[tuple[int, Hashable], list[list[JaxprEqn]]] = defaultdict(list)
    for (level, _), body in stages.items():
        alike[level, _signature(body, read_by(body))].append(body)
    return [
        [equation for body in bodies for equation in body]
        for _, stage in sorted(alike.items(), key=lambda item: item[0][0])
        for bodies in chunked(stage, 1 if any(map(is_large, read_by(stage[0]))) else chunk)
    ]


def _signature(body: list[JaxprEqn], reads: list[Var], writes: Sequence[Var] = ()) -> Hashable:
    """A key that is equal for programs that are equal up to the names of their variables."""
    names = {var: name for name, var in enumerate([*reads, *(v for e in body for v in e.outvars)])}

    def spelled(atom: Var | Literal) -> Hashable:
        if isinstance(atom, Literal):
            return "literal", np.asarray(atom.val).tobytes(), atom.aval
        return names[atom]

    equations = tuple(
        (
            equation.primitive,
            tuple(map(spelled, equation.invars)),
            tuple((name, _identity(value)) for name, value in equation.params.items()),
            _identity(equation.ctx),
        )
        for equation in body
    )
    return equations, tuple(var.aval for var in reads), tuple(names[var] for var in writes)


def _identity(value: Any) -> Hashable:
    """`value` if it is hashable, else its identity: JAX keeps one jaxpr for equal inner calls."""
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value


def _not_its_own(outvars: list[Var | Literal], lent: set[Var]) -> list[bool]:
    """Whether each result has another reference, which a donation of the result would invalidate."""
    seen, found = set(lent), list[bool]()
    for var in outvars:
        found.append(isinstance(var, Literal) or var in seen)
        if not isinstance(var, Literal):
            seen.add(var)
    return found


def _matched(reads: Sequence[Atom], writes: Sequence[Atom], free: Sequence[bool]) -> tuple[int, ...]:
    """The positions of the free inputs whose memory an output of the same shape and dtype can reuse."""
    room = Counter(map(kind_of, writes))
    reuse: list[int] = []
    for position, (var, is_free) in enumerate(zip(reads, free, strict=True)):
        if is_free and room[kind_of(var)]:
            room[kind_of(var)] -= 1
            reuse.append(position)
    return tuple(reuse)


def _compiled(jaxpr: Jaxpr, free: Sequence[bool], slices: int | None) -> list[Call]:
    """The calls for a program, with positions among its variables as slots."""
    if slices and has_codes(jaxpr.invars):
        reuse = _matched(jaxpr.invars, jaxpr.outvars, free)
        if loop := looped(jaxpr, _places(jaxpr.invars, jaxpr.outvars, reuse), slices):
            return [_call(loop, entire(jaxpr), reuse)]
    calls, read_later = list[Call](), set[int]()
    for part in reversed(in_order(jaxpr, free)):
        free_now = [free[position] and position not in read_later for position in part.reads]
        reuse = _matched(part.jaxpr.invars, part.jaxpr.outvars, free_now)
        calls.insert(0, _call(jaxpr_as_fun(ClosedJaxpr(part.jaxpr, [])), part, reuse))
        read_later.update(part.reads)
    return calls


def _call(function: Callable[..., Any], part: Program, reuse: Sequence[int]) -> Call:
    return Call(jax.jit(function, donate_argnums=reuse), part.reads, part.writes)


def _places(reads: Sequence[Atom], writes: Sequence[Atom], reuse: tuple[int, ...]) -> dict[int, int]:
    """For the positions of written variables those of the read ones whose memory they take."""
    places: dict[int, int] = {}
    for position in reuse:
        kind = kind_of(reads[position])
        place = next(i for i, var in enumerate(writes) if i not in places and kind_of(var) == kind)
        places[place] = position
    return places

"""Schedules, which give a number for each count of updates."""

import math
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.core._fields import hyperparameter, nested, static
from gradtx.core._findings import Finding
from gradtx.core._tabulation import ScheduleTable, drawn, tabulated
from gradtx.core._value import Value, without_validation
from gradtx.tree import outline, spelled


class Schedule(Value):
    """The base of schedules: numbers that depend on the count of the updates before.

    A subclass declares its parameters as fields and defines `at(count)`, element by element for an array of
    counts, so that `schedule(jnp.arange(1000))` is the whole curve. If it is made of other schedules, it
    defines `composition()` instead. Count 0 is the first update.

    Numbers of steps are floats, so that a schedule is differentiable with respect to all of its numbers.
    Whole numbers of steps are compared with counts as integers. Traced ones, of a schedule that is an
    argument of `jax.jit`, are exact up to $2^{24}$ in float32, and beyond in float64.

    Schedules are values and combine with schedules and numbers: `a + b`, `a - b`, `a * b`, `a / b`, `-a`.

    >>> import jax.numpy as jnp
    >>> from gradtx import linear_schedule
    >>> warmup = linear_schedule(0.0, 1.0, transition_steps=4)
    >>> (2 * warmup)(jnp.arange(6))
    Array([0. , 0.5, 1. , 1.5, 2. , 2. ], dtype=float32)
    """

    def at(self, count: Array) -> Any:
        """The value for the update after `count` others; `count` is an array of any numeric dtype."""
        with without_validation():
            composition = self.composition()
        return composition.at(count)

    def composition(self) -> "Schedule":
        """This schedule as a composition of others, made from the fields."""
        raise NotImplementedError(f"{type(self).__name__} must define at(count), or composition().")

    def __call__(self, count: Any) -> Array:
        """The value for the update after `count` others, in the default float dtype."""
        count = jnp.asarray(count)
        with jax.named_scope(type(self).__name__):
            return jnp.broadcast_to(jnp.asarray(self.at(count)).astype(float), count.shape)

    def table(self, steps: int | Iterable[int]) -> ScheduleTable:
        """The values as a table that prints.

        Args:
          steps: the counts of the rows, or the last count. The rows are then at its tenths, and where the
            curve turns between them.

        >>> from gradtx import linear_warmup_schedule
        >>> linear_warmup_schedule(3).table(5)
        step  value
           0  0
           1  0.3333
           2  0.6667
           3  1
           4  1
           5  1
        """
        return tabulated(self, steps)

    def plot(self, steps: int, ax: Any = None, **line: Any) -> Any:
        """Draws the values from count 0 to `steps` with matplotlib, and returns the axes.

        Args:
          steps: the last count.
          ax: the axes in which to draw; by default the current ones of pyplot.
          **line: properties of the line, such as `label` and `color`, as those of matplotlib's `plot`.

        Raises:
          ModuleNotFoundError: where matplotlib is not installed.
        """
        return drawn(self, steps, ax, **line)

    @property
    def nested(self) -> tuple["Schedule", ...]:
        """The schedules in the fields."""
        held = [self.__dict__[field.name] for field in self._fields]
        entries = [entry for value in held for entry in (value if isinstance(value, tuple) else (value,))]
        return tuple(entry for entry in entries if isinstance(entry, Schedule))

    @property
    def takes_whole_counts(self) -> bool:
        """Whether `at` is defined for integers alone, as a plain function may be."""
        return any(part.takes_whole_counts for part in self.nested)

    def warnings(self, *, alone: bool = True) -> Iterator[Finding]:
        """Warnings of numbers of steps that are legal and probably a mistake.

        Args:
          alone: whether the schedule is not a part of another one, in which a phase may well have no steps.
        """
        for field in self._fields:
            steps = field.metadata.get("steps")
            where, held = f"{type(self).__name__}: {field.name}", self.__dict__[field.name]
            for number in filter(_is_known, steps(held) if steps else ()):
                if math.isfinite(number) and not float(number).is_integer():
                    text = f"{where}: {number:g} is a fraction of a step."
                    yield Finding("fractional-steps", "", text, "Steps are updates, not epochs.")
            if steps and alone and _is_known(held) and held == 0 != field.default:
                text = f"{where}: there are 0 steps, so that this phase never begins."
                yield Finding("no-steps", "", text, "Give it a step, or leave it out.")
        for part in self.nested:
            yield from part.warnings(alone=False)

    def _repr_html_(self) -> str:
        from gradtx.core._html import of_schedule  # noqa: PLC0415 - for a notebook alone

        return of_schedule(self)

    def __add__(self, other: "Schedule | float") -> "Schedule":
        return combined(self, as_schedule(other), "+")

    def __sub__(self, other: "Schedule | float") -> "Schedule":
        return combined(self, as_schedule(other), "-")

    def __mul__(self, other: "Schedule | float") -> "Schedule":
        return combined(self, as_schedule(other), "*")

    def __truediv__(self, other: "Schedule | float") -> "Schedule":
        return combined(self, as_schedule(other), "/")

    def __radd__(self, other: float) -> "Schedule":
        return combined(as_schedule(other), self, "+")

    def __rsub__(self, other: float) -> "Schedule":
        return combined(as_schedule(other), self, "-")

    def __rmul__(self, other: float) -> "Schedule":
        return combined(as_schedule(other), self, "*")

    def __rtruediv__(self, other: float) -> "Schedule":
        return combined(as_schedule(other), self, "/")

    def __neg__(self) -> "Schedule":
        return -1.0 * self


def _is_known(number: Any) -> bool:
    return isinstance(number, float | np.floating)


ScalarOrSchedule = float | Array | Schedule | Callable[[Any], Any]
"""The types of a hyperparameter in a constructor."""

if TYPE_CHECKING:

    class Number:
        def __get__(self, instance: object, owner: Any = None) -> Array: ...

        def __set__(self, instance: object, value: ScalarOrSchedule) -> None: ...

else:
    Number = ScalarOrSchedule
    """The type of a hyperparameter: a constructor takes a number or a schedule, a body reads a number."""


def as_schedule(schedule: Any) -> Schedule:
    """A schedule as it is, a number as a constant schedule, and a function of the count as a schedule.

    Raises:
      TypeError: for anything else.
    """
    if isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, type):
        raise TypeError(f"A schedule must be a value, got the class {schedule.__name__}. Call it.")
    if callable(schedule) and hasattr(schedule, "init") and hasattr(schedule, "update"):
        raise TypeError(
            f"A schedule with a state needs inject_hyperparams(...)(...), got {outline(schedule)}."
        )
    if callable(schedule):
        return schedule_from(schedule)
    if isinstance(schedule, int | float | np.generic | np.ndarray | Array):
        return constant_schedule(schedule)
    raise TypeError(f"A schedule must be a function of the count or a number, got {outline(schedule)}.")


class constant_schedule(Schedule):
    """The same value at every count.

    >>> constant_schedule(0.1)(1000)
    Array(0.1, dtype=float32)
    """

    value: float | np.generic | np.ndarray | Array = hyperparameter(doc="the value at every count")

    def at(self, count: Array) -> Any:
        return self.value


class schedule_from(Schedule):
    """A plain function `count -> number` as a schedule.

    The function gets the count as an array, int32 in an update and traced inside `jax.jit`. It is a part of
    the structure: another function is another program.

    >>> schedule_from(abs)(-3)
    Array(3., dtype=float32)
    """

    function: Callable[[Any], Any] = static(doc="a function from the count to a number")

    @property
    def takes_whole_counts(self) -> bool:
        return True

    def at(self, count: Array) -> Any:
        return self.function(count)


_OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


class combined(Schedule):
    """Two schedules combined by arithmetic: the result of `+`, `-`, `*` or `/`."""

    left: Schedule = nested(as_schedule)
    right: Schedule = nested(as_schedule)
    operation: str = static(choices=tuple(_OPERATIONS))

    def at(self, count: Array) -> Any:
        return _OPERATIONS[self.operation](self.left(count), self.right(count))

    def expression(self) -> str:
        return f"({spelled(self.left)} {self.operation} {spelled(self.right)})"

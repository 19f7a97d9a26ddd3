"""Schedules with a state of their own, which may follow more than a count."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from gradtx.core import Schedule, Value, as_schedule, nested, safe_increment, static, zero_count
from gradtx.tree import spelled


@runtime_checkable
class StatefulSchedule(Protocol):
    """A schedule with a state, as a hyperparameter of `inject_hyperparams`.

    Any object with these three methods is one. The value of an update comes from the state before it. Both
    methods get the extra arguments of the update, such as `value=loss`; `__call__` gets none in `init`.
    """

    def init(self) -> Any:
        """The state before the first update."""
        ...

    def update(self, state: Any, **extra: Any) -> Any:
        """The state after an update."""
        ...

    def __call__(self, state: Any, **extra: Any) -> Any:
        """The number for an update."""
        ...


class WrappedScheduleState(NamedTuple):
    """The state of `WrappedSchedule`: the number of updates."""

    count: Any


class WrappedSchedule(Value):
    """A schedule of the count as a `StatefulSchedule`, whose state is the count.

    >>> schedule = WrappedSchedule(lambda count: 0.5**count)
    >>> print(schedule(schedule.update(schedule.init())))
    0.5
    """

    schedule_fn: Schedule = nested(as_schedule, doc="the schedule, or a function from a count to a number")

    def init(self) -> WrappedScheduleState:
        """A count of 0."""
        return WrappedScheduleState(zero_count())

    def update(self, state: WrappedScheduleState, **extra: Any) -> WrappedScheduleState:
        """The next count."""
        return WrappedScheduleState(safe_increment(state.count))

    def __call__(self, state: WrappedScheduleState, **extra: Any) -> Any:
        """The value at the count."""
        return self.schedule_fn(state.count)


class stateful(Value):
    """An object with the methods of a `StatefulSchedule`, as a value: the object is structure."""

    schedule: StatefulSchedule = static(doc="the object")

    def init(self) -> Any:
        return self.schedule.init()

    def update(self, state: Any, **extra: Any) -> Any:
        return self.schedule.update(state, **extra)

    def __call__(self, state: Any, **extra: Any) -> Any:
        return self.schedule(state, **extra)

    def expression(self) -> str:
        return spelled(self.schedule)


def is_stateful(value: Any) -> bool:
    """Whether `value` is a schedule with a state."""
    return isinstance(value, StatefulSchedule) and not isinstance(value, type)

"""The count of schedules in a state: `init` and `update` put it there, and `apply` does not see it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from jax import Array

from gradtx.core._annotations import OptState
from gradtx.core._state_table import displayed
from gradtx.core._states import MAKE_ONE, StateMismatchError
from gradtx.tree import outline


@displayed
class EmptyState(NamedTuple):
    """The state of a transformation without state."""


# The names that Optax has for it.
AdaptiveGradClipState = AddDecayedWeightsState = ClipByGlobalNormState = ClipState = EmptyState
NonNegativeParamsState = NormalizeState = ScaleByTrustRatioState = ScaleState = EmptyState


@displayed
class ScheduledState(NamedTuple):
    """The state of a transformation with a scheduled hyperparameter: the count, and the other state."""

    count: Any
    inner: OptState


@displayed
class ScaleByScheduleState(NamedTuple):
    """The state of a transformation whose only state is the count of its schedules."""

    count: Any


COUNTED = ScheduledState | ScaleByScheduleState
"""The states with a count of schedules."""


def counted(count: Array, state: OptState) -> OptState:
    """`state` with the count of the schedules."""
    return ScaleByScheduleState(count) if isinstance(state, EmptyState) else ScheduledState(count, state)


def wrong_count(who: str, state: OptState, scheduled: Sequence[str]) -> StateMismatchError:
    """The error for a state with a count where the transformation `who` has no schedule, or reversely."""
    has_one = isinstance(state, COUNTED)
    return StateMismatchError(
        f"{who}: the state was made with{'' if has_one else 'out'} a scheduled hyperparameter, and this "
        f"optimizer has {', '.join(scheduled) or 'none'} scheduled.\n{_ADVICE[has_one]}"
    )


def wrong_kind(who: str, state: OptState, kinds: Sequence[type[Any]]) -> StateMismatchError:
    """The error for a state with the fields of none of `kinds`, of which there may be none."""
    names = " or ".join(f"({', '.join(kind._fields)})" for kind in kinds)
    wanted = f"have the fields {names}" if kinds else "be empty"
    return StateMismatchError(f"{who}: the state must {wanted}, got {outline(state)}.{MAKE_ONE}")


_ADVICE = {
    True: "To replace the schedule by a number and keep the state, use constant_schedule(number).",
    False: f"A schedule counts the updates in the state, and this state has no count.{MAKE_ONE}",
}
"""The advice for a state with a count, and for one without."""

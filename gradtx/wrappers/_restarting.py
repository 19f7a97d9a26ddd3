"""States that begin anew, while their schedules go on."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import split_as
from gradtx.core import OptState, ScaleByScheduleState, ScheduledState
from gradtx.schedules import InjectStatefulHyperparamsState

_CONTINUES = ScheduledState | ScaleByScheduleState | InjectStatefulHyperparamsState


def restarted(restarts: Array, start: OptState, state: OptState) -> OptState:
    """`start` if `restarts` is true, else `state`; counts of schedules and injected numbers continue."""

    def choose(new: Any, old: Any) -> Any:
        if not isinstance(old, _CONTINUES):
            return jnp.where(restarts, split_as(old, new), old)
        within = [name for name in ("inner", "inner_state") if name in old._fields]
        return old._replace(**{n: restarted(restarts, getattr(new, n), getattr(old, n)) for n in within})

    return jax.tree.map(choose, start, state, is_leaf=lambda node: isinstance(node, _CONTINUES))

"""Hyperparameters in the state of an optimizer, for a training loop to read and write."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import keystr

from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Part,
    Schedule,
    Updates,
    Wrapper,
    fields_of,
    safe_increment,
    walk,
    zero_count,
)
from gradtx.schedules._stateful import StatefulSchedule, is_stateful
from gradtx.tree import Path, as_storage_dtype

Values = Mapping[str, Any]
"""Numbers and schedules, by the name of the hyperparameter."""


class InjectStatefulHyperparamsState(NamedTuple):
    """The state of an optimizer with injected hyperparameters: the count, their values, and its own state."""

    count: Any
    hyperparams: dict[str, Array]
    hyperparams_states: dict[str, Any]
    inner_state: OptState

    def metrics(self) -> dict[str, Any]:
        """The hyperparameters of the last update."""
        return self.hyperparams


InjectHyperparamsState = InjectStatefulHyperparamsState


class Injection(Wrapper, state=InjectStatefulHyperparamsState, abstract=True):
    """An optimizer with hyperparameters in the state: the inside of `inject` and of `inject_hyperparams`."""

    @property
    def hyperparam_dtype(self) -> Any:
        """The dtype in which the numbers are stored; `None` is the default dtype."""
        raise NotImplementedError

    def injected(self) -> dict[str, tuple[Path, Any]]:
        """The hyperparameters by name: the path in this value, and the number or schedule there."""
        raise NotImplementedError

    def optimizer(self, values: Values) -> GradientTransformation:
        """The optimizer with these hyperparameters, which are not validated."""
        raise NotImplementedError

    def placed(self, schedule: Schedule, count: Array) -> Any:
        """A schedule, or its value at this count, as the optimizer gets it."""
        raise NotImplementedError

    def init(self, params: Params) -> InjectStatefulHyperparamsState:
        kept = self._kept(at_start({name: value for name, (_, value) in self.injected().items()}))
        states = {name: schedule.init() for name, schedule in self._stateful().items()}
        state = InjectStatefulHyperparamsState(zero_count(), kept, states, ())
        return state._replace(inner_state=self._next(state)[0].init(params))

    def apply(
        self, updates: Updates, state: InjectStatefulHyperparamsState, params: Params = None, **extra: Any
    ) -> tuple[Updates, InjectStatefulHyperparamsState]:
        schedules, states = self._stateful(), state.hyperparams_states
        current = {name: schedule(states[name], **extra) for name, schedule in schedules.items()}
        states = {name: schedule.update(states[name], **extra) for name, schedule in schedules.items()}
        tx, given = self._next(state._replace(hyperparams={**state.hyperparams, **current}))
        used = {name: _used(value, tx, state) for name, value in given.items()}
        kept = self._kept(used)
        updates, inner = self.update_part(tx, updates, state.inner_state, params, **extra)
        return updates, InjectStatefulHyperparamsState(safe_increment(state.count), kept, states, inner)

    def parts(self, state: InjectStatefulHyperparamsState) -> Sequence[Part]:
        has_only_shapes = isinstance(state.count, jax.ShapeDtypeStruct)  # as in `summary`
        return [("", self.nested[0] if has_only_shapes else self._next(state)[0], state.inner_state)]

    def _stateful(self) -> dict[str, StatefulSchedule]:
        return {name: value for name, (_, value) in self.injected().items() if is_stateful(value)}

    def _kept(self, values: Values) -> dict[str, Array]:
        """`values` as the state stores them: in one dtype, for written values of any dtype."""
        dtype = jnp.result_type(float) if self.hyperparam_dtype is None else self.hyperparam_dtype
        # Copies, since a state may be donated, and the arrays of the optimizer may not.
        return {name: jnp.array(value).astype(dtype) for name, value in values.items()}

    def _next(self, state: InjectStatefulHyperparamsState) -> tuple[GradientTransformation, Values]:
        """The optimizer of the next update, and the numbers, in float32 or wider, and schedules in it."""
        kept, injected = state.hyperparams, self.injected()
        if set(kept) != set(injected):
            raise ValueError(
                f"The state has the hyperparameters {', '.join(kept)}, and the optimizer "
                f"{', '.join(injected)}. Make it with init(params)."
            )
        given = {name: jnp.asarray(kept[name]).astype(float) for name in injected}
        for name, (_, value) in injected.items():
            if isinstance(value, Schedule):
                given[name] = self.placed(value, state.count)
        return self.optimizer(given), given


def at_start(values: Values) -> dict[str, Any]:
    """`values` with the number of the first update in the place of each schedule."""

    def first(value: Any) -> Any:
        if is_stateful(value):
            return value(value.init())
        return value(zero_count()) if isinstance(value, Schedule) else value

    return {name: first(value) for name, value in values.items()}


def as_hyperparam_dtype(dtype: Any) -> np.dtype | None:
    """`dtype` as the one of numbers in a state; `None` is the default dtype, and 16 bits are refused."""
    storage = as_storage_dtype(dtype)
    if storage is not None and storage.itemsize < 4:
        raise ValueError(f"hyperparam_dtype must have 32 bits or more, got {storage.name}: 0.999 would be 1.")
    return storage


def refuse_twice(tx: Injection) -> None:
    """Raises for two numbers in the state that would be one hyperparameter of `tx`."""
    holders = [(path, held) for path, held in [((), tx), *fields_of(tx)] if isinstance(held, Injection)]
    paths = [(*path, *own) for path, held in holders for own, _ in held.injected().values()]
    for one, other in combinations(paths, 2):
        length = min(len(one), len(other))  # a number in a schedule is a part of it
        if one[:length] == other[:length]:
            raise ValueError(
                f"inject: {keystr(one[:length])} is injected twice, and one of the two numbers in the state "
                "would have no effect. Name each hyperparameter once."
            )


def _used(value: Any, tx: GradientTransformation, state: InjectStatefulHyperparamsState) -> Any:
    """A number unchanged; a schedule of a transformation in `tx` at the count of that transformation."""
    if not isinstance(value, Schedule):
        return value
    for _, part, part_state in walk(tx, state.inner_state):
        held = jax.tree.leaves(part.hyperparameters(), is_leaf=lambda node: node is value)
        if any(node is value for node in held):
            return value(part_state.count)
    return value(state.count)  # it is in a function of a factory

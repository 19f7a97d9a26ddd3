"""Injection: hyperparameters in the state, for a training loop to read and write."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import GetAttrKey, keystr

from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Part,
    Schedule,
    Updates,
    Value,
    Wrapper,
    as_transformation,
    fields_of,
    find,
    nested,
    safe_increment,
    static,
    walk,
    zero_count,
)
from gradtx.tree import Path, as_storage_dtype, nodes, set as set_in
from gradtx.wrappers._factories import is_number

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


def as_hyperparam_dtype(dtype: Any) -> np.dtype | None:
    """`dtype` as the one of numbers in a state; `None` is the default dtype, and 16 bits are refused."""
    storage = as_storage_dtype(dtype)
    if storage is not None and storage.itemsize < 4:
        raise ValueError(f"hyperparam_dtype must have 32 bits or more, got {storage.name}: 0.999 would be 1.")
    return storage


def _as_names(names: Any) -> tuple[str, ...]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    if listed and all(isinstance(name, str) for name in listed):
        return listed
    raise ValueError(f"inject: name at least one hyperparameter, as in inject(tx, 'eps'), got {names!r}.")


class inject(Wrapper, state=InjectStatefulHyperparamsState):
    """Keeps named hyperparameters of an optimizer in its state.

    They are the `hyperparams` of the state, by name, for a training loop to read and write; a write compiles
    nothing again. `init` puts the values of the optimizer there. A written value is used without validation,
    even outside of the bounds of the constructor.

    A schedule stays in its place and counts there: under `accumulate` it counts updates, not micro-batches.
    `hyperparams` has its value of the last update, and a write to it has no effect.

    **State**: `InjectStatefulHyperparamsState(count, hyperparams, hyperparams_states, inner_state)`: the
    number of updates in int32, a dictionary from names to scalars, an empty dictionary (the count of a
    schedule is in the same place as without injection), and the state of the optimizer.

    **Raises** at construction `NameLookupError` for a name that matches no field, or several, `TypeError` for
    one that is structure, `ValueError` for a hyperparameter that is injected twice.

    >>> import jax.numpy as jnp
    >>> from gradtx import momentum, tree
    >>> tx = inject(momentum(0.1), "learning_rate")
    >>> state = tree.set(tx.init(jnp.array(0.0)), learning_rate=0.5)
    >>> tx.update(jnp.array(1.0), state)[0]
    Array(-0.5, dtype=float32)
    """

    inner: GradientTransformation = nested(as_transformation, state="inner_state", doc="the optimizer")
    names: tuple[str, ...] = static(
        convert=_as_names, doc="a name, or several, or the ends of their paths, as in `replace`"
    )
    hyperparam_dtype: Any = static(
        default=None,
        convert=as_hyperparam_dtype,
        doc=(
            "the dtype in which the numbers are stored, for written values of any dtype; by default float32, "
            "independent of the parameters"
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        data = {path for path, _ in nodes(self.inner)}
        for name in self.names:
            path, held = find(self.inner, name)
            if path not in data:
                raise TypeError(f"inject: {name} is structure, which no state can change: {held!r}.")
            if not (isinstance(held, Schedule) or is_number(held)):
                raise TypeError(f"inject: {name} is no number, but {held!r}.")
        _refuse_twice(self)

    def init(self, params: Params) -> InjectStatefulHyperparamsState:
        values = self._values()
        kept = as_kept(at_count(values, zero_count()), self.hyperparam_dtype)
        numbers = {name: kept[name] for name, value in values.items() if not isinstance(value, Schedule)}
        inner = set_in(self.inner, **numbers).init(params)
        return InjectStatefulHyperparamsState(zero_count(), kept, {}, inner)

    def apply(
        self, updates: Updates, state: InjectStatefulHyperparamsState, params: Params = None, **extra: Any
    ) -> tuple[Updates, InjectStatefulHyperparamsState]:
        tx, given = self._next(state)
        used = {name: _next_value(value, tx, state) for name, value in given.items()}
        updates, inner = self.update_part(tx, updates, state.inner_state, params, **extra)
        kept = as_kept(used, self.hyperparam_dtype)
        return updates, InjectStatefulHyperparamsState(safe_increment(state.count), kept, {}, inner)

    def parts(self, state: InjectStatefulHyperparamsState) -> Sequence[Part]:
        tx = self.inner if has_only_shapes(state) else self._next(state)[0]
        return [("", tx, state.inner_state)]

    def injected_paths(self) -> Iterator[Path]:
        """The paths of the fields that are in the state."""
        for name in self.names:
            yield GetAttrKey("inner"), *find(self.inner, name)[0]

    def _values(self) -> dict[str, Any]:
        return {name: find(self.inner, name)[1] for name in self.names}

    def _next(self, state: InjectStatefulHyperparamsState) -> tuple[GradientTransformation, Values]:
        """The optimizer of the next update, and its injected numbers and schedules.

        Each schedule stands in its place as a copy, which identity distinguishes from an equal one elsewhere.
        """
        values = self._values()
        kept = from_state(state, values)
        given = {
            name: value.with_fields() if isinstance(value, Schedule) else kept[name]
            for name, value in values.items()
        }
        return set_in(self.inner, **given), given


def at_count(values: Values, count: Any) -> dict[str, Any]:
    """`values` with each schedule at this count."""
    return {name: value(count) if isinstance(value, Schedule) else value for name, value in values.items()}


def as_kept(values: Values, dtype: Any) -> dict[str, Array]:
    """`values` as the state stores them: in one dtype, for written values of any dtype."""
    dtype = jnp.result_type(float) if dtype is None else dtype
    # Copies, since a state may be donated, and the arrays of the optimizer may not.
    return {name: jnp.array(value).astype(dtype) for name, value in values.items()}


def from_state(state: InjectStatefulHyperparamsState, names: Iterable[str]) -> dict[str, Array]:
    """The hyperparameters in a state, in float32 or wider.

    Raises:
      ValueError: for other names than `names`.
    """
    kept, names = state.hyperparams, list(names)
    if set(kept) != set(names):
        raise ValueError(
            f"The state has the hyperparameters {', '.join(kept)}, and the optimizer {', '.join(names)}. "
            "Make it with init(params)."
        )
    return {name: jnp.asarray(kept[name]).astype(float) for name in names}


def has_only_shapes(state: InjectStatefulHyperparamsState) -> bool:
    """Whether a state has shapes in the place of numbers, as in `summary`."""
    return isinstance(state.count, jax.ShapeDtypeStruct)


@runtime_checkable
class _Injecting(Protocol):
    def injected_paths(self) -> Iterator[Path]: ...


def _refuse_twice(tx: Value) -> None:
    """Raises for two numbers in the state that would be one hyperparameter of `tx`."""
    holders = [(path, held) for path, held in [((), tx), *fields_of(tx)] if isinstance(held, _Injecting)]
    paths = [(*path, *own) for path, held in holders for own in held.injected_paths()]
    for one, other in combinations(paths, 2):
        length = min(len(one), len(other))  # a number in a schedule is a part of it
        if one[:length] == other[:length]:
            raise ValueError(
                f"inject: {keystr(one[:length])} is injected twice, and one of the two numbers in the state "
                "would have no effect. Name each hyperparameter once."
            )


def _next_value(value: Any, tx: GradientTransformation, state: InjectStatefulHyperparamsState) -> Any:
    """A number unchanged; a schedule of a transformation in `tx` at the count of that transformation."""
    if not isinstance(value, Schedule):
        return value
    for _, part, part_state in walk(tx, state.inner_state):
        held = jax.tree.leaves(part.hyperparameters(), is_leaf=lambda node: node is value)
        if any(node is value for node in held):
            return value(part_state.count)
    return value(state.count)  # it is in a function of a factory

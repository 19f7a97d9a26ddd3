"""Injection of named hyperparameters of an optimizer."""

from typing import Any

from jax import Array
from jax.tree_util import GetAttrKey

from gradtx.core import GradientTransformation, Schedule, find, nested, static
from gradtx.schedules._factories import is_number
from gradtx.schedules._injection import (
    Injection,
    InjectStatefulHyperparamsState,
    Values,
    as_hyperparam_dtype,
    refuse_twice,
)
from gradtx.tree import Path, nodes, set as set_in


def _as_names(names: Any) -> tuple[str, ...]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    if listed and all(isinstance(name, str) for name in listed):
        return listed
    raise ValueError(f"inject: name at least one hyperparameter, as in inject(tx, 'eps'), got {names!r}.")


class inject(Injection, state=InjectStatefulHyperparamsState, counts=("count",)):
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

    inner: GradientTransformation = nested(state="inner_state", doc="the optimizer")
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
        refuse_twice(self)

    def injected(self) -> dict[str, tuple[Path, Any]]:
        found = {name: find(self.inner, name) for name in self.names}
        return {name: ((GetAttrKey("inner"), *path), held) for name, (path, held) in found.items()}

    def optimizer(self, values: Values) -> GradientTransformation:
        return set_in(self.inner, **values)

    def placed(self, schedule: Schedule, count: Array) -> Schedule:
        return schedule.with_fields()  # a copy, which identity distinguishes from an equal one elsewhere

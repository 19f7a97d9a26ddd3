"""Injection of all hyperparameters of a function that makes an optimizer."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from jax import Array
from jax.core import Tracer
from jax.tree_util import DictKey, GetAttrKey

from gradtx.core import (
    GradientTransformation,
    Params,
    Schedule,
    Value,
    all_in,
    as_schedule,
    as_transformation,
    by_value,
    hyperparameter,
    static,
    without_validation,
)
from gradtx.schedules._factories import Factory, arguments, is_hyperparameter, is_number, signature, takes
from gradtx.schedules._injection import (
    Injection,
    InjectStatefulHyperparamsState,
    Values,
    as_hyperparam_dtype,
    at_start,
)
from gradtx.schedules._stateful import is_stateful, stateful
from gradtx.tree import Frozen, Path, spelled


def _as_factory(factory: Any) -> Any:
    if isinstance(factory, inject_hyperparams):
        raise ValueError(f"{factory!r} has its hyperparameters in the state already: call it.")
    if isinstance(factory, GradientTransformation):
        raise TypeError(
            "inject_hyperparams takes a factory, as in inject_hyperparams(adamw)(0.1). For an optimizer that "
            "is made, there is inject(tx, 'learning_rate')."
        )
    if not callable(factory):
        raise TypeError(f"inject_hyperparams takes a function that makes an optimizer, got {factory!r}.")
    return factory


class inject_hyperparams(Value):
    """A factory with all its numbers in the state: `inject_hyperparams(adamw)(learning_rate=0.1)`.

    It is `inject` for an optimizer that is not made yet, in the form of Optax: every hyperparameter of the
    call, and every default, is in `state.hyperparams` under the name of its argument. So is a schedule, which
    counts calls of `update`, and a `StatefulSchedule`, whose state is in `state.hyperparams_states`.

    The annotations of the arguments decide which of them are hyperparameters: those that include `float`.
    Without an annotation every number is one, and every function a schedule; so is every number among
    `**kwargs`. All other arguments stay unchanged, for example a mask, which is a function and no schedule.

    **State**: as in `inject`. The factory gets numbers, so that `inner_state` has no counts of schedules.

    **Raises** `ValueError` at the call for a schedule of an optimizer that may skip an update, such as
    `accumulate`, since the schedule would count skipped calls; with `inject` it counts updates. Also for an
    argument without a name.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx = inject_hyperparams(sgd)(learning_rate=0.1)
    >>> state = tx.init(jnp.array(0.0))
    >>> state.hyperparams["learning_rate"] = 0.5
    >>> tx.update(jnp.array(1.0), state)[0]
    Array(-0.5, dtype=float32)
    """

    inner_factory: Factory = static(
        convert=_as_factory,
        doc=(
            "a function that makes an optimizer, of gradtx or of Optax. Every trace of an update calls it, "
            "with traced numbers"
        ),
    )
    static_args: str | Iterable[str] = static(
        default=(),
        convert=lambda names: (names,) if isinstance(names, str) else tuple(names),
        doc="the names of arguments that are no hyperparameters",
    )
    hyperparam_dtype: Any = static(
        default=None,
        convert=as_hyperparam_dtype,
        doc="the dtype in which the numbers are stored; by default float32, independent of the parameters",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.static_args:
            if not takes(self.inner_factory, name):
                raise ValueError(f"inject_hyperparams: {spelled(self.inner_factory)} takes no {name}.")

    def __call__(self, *args: Any, **kwargs: Any) -> GradientTransformation:
        """The optimizer that the factory makes from these arguments, with its numbers in the state."""
        values: dict[str, Any] = {}
        held: dict[str, Any] = {}
        structure: dict[str, Any] = {}
        for name, parameter, value in arguments(self.inner_factory, args, kwargs):
            if name not in self.static_args and is_hyperparameter(parameter, value):
                values[name] = value
            elif isinstance(value, Value | np.ndarray | Array):
                held[name] = value
            else:
                structure[name] = by_value(value)
        return injected(self, Frozen(structure), held, values)


class injected(Injection, state=InjectStatefulHyperparamsState, counts=("count",)):
    """The optimizer that a call of `inject_hyperparams` makes: the factory and its arguments."""

    factory: inject_hyperparams = static(doc="the factory")
    structure: Frozen = static(doc="the arguments that are structure")
    held: dict[str, Any] = hyperparameter(doc="the arguments that are values or arrays")
    values: dict[str, Any] = hyperparameter(doc="the hyperparameters")

    def convert_hyperparameter(self, name: str, value: Any, bounds: Any) -> dict[str, Any]:
        """The arguments in the form in which the fields store them."""
        return self.accepted(value) if name == "values" else dict(value)

    def accepted(self, values: Values) -> dict[str, Any]:
        """`values` in the form in which the fields store them.

        Raises:
          ValueError: for values that the factory refuses, and for a schedule of an optimizer that may skip.
        """
        values = {name: _as_value(name, value) for name, value in values.items()}
        tx = self._made(at_start(values))
        scheduled = [name for name, value in values.items() if callable(value)]
        skipping = next((type(part).__name__ for part in all_in(tx) if part.may_skip), None)
        # The arguments of a class are its own fields, and not those of a transformation that it may skip.
        if scheduled and skipping and not isinstance(self.factory.inner_factory, type):
            raise ValueError(
                f"inject_hyperparams: the schedule of {', '.join(scheduled)} would count calls, also those "
                f"in which {skipping} makes no update. Put {skipping} around the injection, as in "
                "accumulate(inject_hyperparams(...)(...), 4), or name it: inject(tx, 'learning_rate')."
            )
        return values

    @cached_property
    def nested(self) -> tuple[GradientTransformation, ...]:
        """The optimizer of the first update."""
        return (self.optimizer(at_start(self.values)),)

    def hyperparameters(self) -> dict[str, Any]:
        return {}  # those of the optimizer, which is in `nested` and `parts`

    @property
    def hyperparam_dtype(self) -> Any:
        return self.factory.hyperparam_dtype

    def injected(self) -> dict[str, tuple[Path, Any]]:
        return {name: ((GetAttrKey("values"), DictKey(name)), value) for name, value in self.values.items()}

    def optimizer(self, values: Values) -> GradientTransformation:
        with without_validation():
            return self._made(values)

    def placed(self, schedule: Schedule, count: Array) -> Array:
        return schedule(count)

    def parts_with(self, params: Params) -> Sequence[tuple[str, GradientTransformation, Params]]:
        return [("", self.nested[0], params)]

    def _made(self, values: Values) -> GradientTransformation:
        return as_transformation(self.factory.inner_factory(**self.structure.tree, **self.held, **values))

    def expression(self) -> str:
        given = {**self.values, **self.held, **self.structure.tree}
        names = [*signature(self.factory.inner_factory).parameters, *sorted(given)]
        shown = {name: f"{name}={spelled(given[name])}" for name in names if name in given}
        return f"{spelled(self.factory)}({', '.join(shown.values())})"


inject_stateful_hyperparams = inject_hyperparams


def _as_value(name: str, value: Any) -> Any:
    """A number, or a schedule if it is a function, in the form in which fields store it."""
    if is_stateful(value):
        return value if isinstance(value, Value) else stateful(value)
    if callable(value):
        return as_schedule(value)
    if not is_number(value):
        raise TypeError(f"inject_hyperparams: {name} must be a number or a schedule, got {value!r}.")
    if isinstance(value, int):
        return float(value)
    return value if isinstance(value, float | Tracer) else np.asarray(value)[()]

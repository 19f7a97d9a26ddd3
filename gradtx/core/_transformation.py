"""The protocol: an optimizer is a value with two pure methods, `init` and `update`."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, final

import jax
from jax import Array

from gradtx.core._annotations import OptState, Params, Updates
from gradtx.core._compiling import call
from gradtx.core._fields import static
from gradtx.core._schedule import Schedule, as_schedule, safe_increment, zero_count
from gradtx.core._value import Value
from gradtx.tree import match, narrowed, spelled


class EmptyState(NamedTuple):
    """The state of a transformation without state."""


class ScheduledState(NamedTuple):
    """The state of a transformation with a scheduled hyperparameter: the count, and the other state."""

    count: Any
    inner: OptState


class ScaleByScheduleState(NamedTuple):
    """The state of a transformation whose only state is the count of its schedules."""

    count: Any


class GradientTransformation(Value):
    """A pure `(init, update)` pair that is a value: printable, comparable, hashable, and a pytree.

    A subclass declares its hyperparameters as fields (see `hyperparameter`, `static` and `nested`) and
    defines `apply`, and `init` if it has state. Most need less: a `Rule` defines one function of one leaf,
    and a `Wrapper` declares the places of the states of the transformations that it wraps.

        class halve(GradientTransformation):
            def apply(self, updates, state, params=None, **extra):
                return jax.tree.map(lambda g: g / 2, updates), state

    Users call `update`, which this class alone defines. It does three things once, for the outermost
    transformation: the check that all arguments are passed that it or a nested transformation `needs`, the
    check that `updates` and `params` correspond, and the rounding of the updates to the precision of the
    parameters. In `apply`, a scheduled hyperparameter is its value at the current count, never a schedule.
    Subclasses are final.

    Class keywords:
      state: the named tuple, or a tuple of several, that `init` returns. A state of another kind is an error.
      needs: the names of the arguments that `update` requires: `"params"`, or an extra argument.
      check: how `updates` must correspond to `params`, if passed: in `"shapes"`, in `"structure"` alone
        (per-example gradients), or not at all (`None`).
      wide: whether the updates stay in float32 or wider after `update`, as stochastic rounding requires.
        Parameters of 16 bits then become float32 in `p + u`: use `apply_updates`.

    `GradientTransformation(init_fn, update_fn)` makes a transformation from two functions, and
    `init, update = tx` unpacks one.

    Args:
      init_fn: a function from the parameters to the state.
      update_fn: a function `update_fn(updates, state, params)` that returns the new updates and the new
        state. It also gets the extra arguments that its signature names.

    >>> import jax.numpy as jnp
    >>> double = GradientTransformation(lambda params: (), lambda u, s, p=None: (2 * u, s))
    >>> double.update(jnp.ones(2), double.init(jnp.ones(2)))
    (Array([2., 2.], dtype=float32), ())
    """

    _abstract: ClassVar[bool] = True
    _own_needs: ClassVar[frozenset[str]] = frozenset()
    _check: ClassVar[str | None] = "shapes"
    _wide: ClassVar[bool] = False
    _states: ClassVar[tuple[type[Any], ...]] = ()

    couples_leaves: ClassVar[bool] = False
    """Whether the update of a leaf depends on other leaves, as with a global norm."""

    may_skip: ClassVar[bool] = False
    """Whether an update of a nested transformation may be left out, so that its schedules stand still."""

    def __init_subclass__(
        cls,
        *,
        state: type[Any] | tuple[type[Any], ...] = (),
        needs: Iterable[str] = (),
        check: str | None = "shapes",
        wide: bool = False,
        abstract: bool = False,
    ) -> None:
        super().__init_subclass__()
        cls._abstract = abstract
        cls._states = state if isinstance(state, tuple) else (state,)
        cls._check_class(needs, check)
        cls._own_needs = frozenset(needs)
        cls._check = check
        cls._wide = wide
        if not abstract:
            cls.init = _guarded_init(cls.init)
            cls.evaluation_params = _guarded_evaluation(cls.evaluation_params)

    @classmethod
    def _check_class(cls, needs: Iterable[str], check: str | None) -> None:
        """Checks the declarations of a subclass."""
        if not cls.__mro__[1]._abstract:
            raise TypeError(
                f"{cls.__name__}: transformations are final. Share functions of arrays, or wrap the other "
                f"transformation in a nested() field, instead of subclassing {cls.__mro__[1].__name__}."
            )
        if "update" in cls.__dict__:
            raise TypeError(f"{cls.__name__}: define apply, which update calls after its checks.")
        if isinstance(needs, str):
            raise TypeError(f"{cls.__name__}: needs must be a tuple of names, as in needs=({needs!r},).")
        if check not in ("shapes", "structure", None):
            raise ValueError(f"{cls.__name__}: check must be 'shapes', 'structure' or None, got {check!r}.")
        for kind in cls._states:
            if not hasattr(kind, "_fields"):
                raise TypeError(f"{cls.__name__}: state must be a class of named tuples, got {kind!r}.")
        if not hasattr(cls, "_nested_fields") and any(field.metadata.get("nested") for field in cls._fields):
            raise TypeError(
                f"{cls.__name__}: a transformation with nested() fields is a Wrapper: subclass that."
            )

    if TYPE_CHECKING:
        # At run time `__new__` returns a `_from_functions`, which has a field for each of the functions.
        def __init__(
            self, init_fn: Callable[[Params], OptState], update_fn: Callable[..., tuple[Updates, OptState]]
        ) -> None: ...

    def __new__(cls, *args: Any, **kwargs: Any) -> "GradientTransformation":
        return object.__new__(_from_functions if cls is GradientTransformation else cls)

    def init(self, params: Params) -> OptState:
        """The state for these parameters, before the first update."""
        return EmptyState()

    @final
    def update(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        """The transformed updates and the next state.

        Each leaf of the updates has the precision of its parameter, or, without `params`, of its gradient.
        Pass `params` if gradients are narrower than the parameters.

        Args:
          updates: the gradients, a tree in the structure of the parameters.
          state: the state that `init` or the last `update` returned.
          params: the parameters.
          **extra: the arguments that this or a nested transformation `needs`, by name.

        Raises:
          ValueError: for a missing argument, or a state of another kind.
          TreeMismatchError: where updates and parameters do not correspond, with the path of the leaf.
        """
        changed, state = self.wide_update(updates, state, params, **extra)
        return self._narrowed(changed, updates, params), state

    @final
    def wide_update(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        """`update` without the rounding: the updates are in float32 or wider, for `apply_updates`."""
        if self.needs:
            self._require(params, extra)
        if self.check and params is not None:
            match(updates, same_shape=self.check == "shapes", params=params)
        return self._update(updates, state, params, **extra)

    @final
    def _update(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        # Chains and wrappers call this method of nested transformations: nothing is checked or rounded again.
        with jax.named_scope(type(self).__name__):
            own = self.own_state(state)
            if not self.scheduled:
                return self.apply(updates, own, params, **extra)
            values, count = call(_scheduled_values, self, state.count)
            current = self.with_fields(**dict(zip(self.scheduled, values, strict=True)))
            updates, own = current.apply(updates, own, params, **extra)
            return updates, _counted(self, count, own)

    def _narrowed(self, changed: Updates, updates: Updates, params: Params = None) -> Updates:
        """The updates `changed` in the precision in which they leave `update`."""
        if self.wide:
            return self._narrowed_by_leaf(changed, updates, params)
        return narrowed(changed, updates, params, same_shape=self._checks_result)

    def _narrowed_by_leaf(self, changed: Updates, updates: Updates, params: Params) -> Updates:
        """The same for a wide transformation, some leaves of which may not stay wide."""
        return changed

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        """The body of `update`, which a subclass defines."""
        raise NotImplementedError(f"{type(self).__name__} must define apply.")

    def evaluation_params(self, state: OptState, params: Params) -> Params:
        """The parameters to evaluate, from the parameters at which gradients are taken; see `eval_params`.

        Each nested transformation in turn changes the result of the one before it.
        """
        for _, part, part_state in self.parts(state):
            params = part.evaluation_params(part_state, params)
        return params

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        return iter((self.init, self.update))

    @cached_property
    def needs(self) -> frozenset[str]:
        """The names of the arguments that `update` requires, here or in a nested transformation."""
        return self._own_needs.union(*(part.needs for part in self.nested))

    @cached_property
    def nested(self) -> tuple["GradientTransformation", ...]:
        """The transformations in the fields."""
        return ()

    @cached_property
    def scheduled(self) -> tuple[str, ...]:
        """The names of the fields with a schedule."""
        return tuple(name for name, value in self.hyperparameters().items() if isinstance(value, Schedule))

    @cached_property
    def wide(self) -> bool:
        """Whether the updates stay in float32 or wider after `update`."""
        return self._wide or any(part.wide for part in self.nested)

    @cached_property
    def check(self) -> str | None:
        """How updates must correspond to parameters: in `"shapes"`, in `"structure"`, or not at all."""
        return self._check

    @cached_property
    def _checks_result(self) -> bool:
        """Whether the transformed updates must have the shapes of the parameters."""
        return self._check is not None

    def parts(self, state: OptState) -> Sequence[tuple[str, "GradientTransformation", OptState]]:
        """The nested transformations, each with its path and its part of the state of this transformation."""
        return ()

    def warnings(self, params: Params) -> Iterator[str]:
        """Warnings for a user who is about to train these parameters; `summary` prints them."""
        for part in self.nested:
            yield from part.warnings(params)

    def own_state(self, state: OptState) -> OptState:
        """`state` without the count of schedules: the state that `apply` gets.

        Raises:
          ValueError: for a state of another kind than that of `init`.
        """
        counted = isinstance(state, ScheduledState | ScaleByScheduleState)
        # A wrapper without a named tuple of its own may return the state of a nested transformation, which
        # may have a schedule.
        judged = self.scheduled or self._states or not (self.nested or self._check is None)
        if judged and counted != bool(self.scheduled):
            raise ValueError(
                f"{type(self).__name__}: the state was made with"
                f"{'' if counted else 'out'} a scheduled hyperparameter, and this optimizer has "
                f"{', '.join(self.scheduled) or 'none'} scheduled. To replace a schedule by a number and "
                "keep the state, use constant_schedule(number)."
            )
        if self.scheduled:
            state = state.inner if isinstance(state, ScheduledState) else EmptyState()
        if self._states and getattr(state, "_fields", None) not in [kind._fields for kind in self._states]:
            kinds = " or ".join(f"({', '.join(kind._fields)})" for kind in self._states)
            raise ValueError(
                f"{type(self).__name__}: the state must have the fields {kinds}, got "
                f"{jax.tree.structure(state)}. Make it with init(params)."
            )
        return state

    def resolved(self, state: OptState) -> "GradientTransformation":
        """This transformation with the value for the next update in the place of each schedule."""
        self.own_state(state)
        return self._at(state.count) if self.scheduled else self

    def _at(self, count: Array) -> "GradientTransformation":
        return self.with_fields(**{name: self.__dict__[name](count) for name in self.scheduled})

    def convert_hyperparameter(self, name: str, value: Any, bounds: Any) -> Any:
        """A number, or a schedule for a function of the count."""
        if callable(value):
            return as_schedule(value)
        return super().convert_hyperparameter(name, value, bounds)

    _numbers = "a number or a schedule"

    def _require(self, params: Params, extra: dict[str, Any]) -> None:
        given = {name for name, value in {**extra, "params": params}.items() if value is not None}
        for name in sorted(self.needs - given):
            passed = "params" if name == "params" else f"{name}=..."
            raise ValueError(
                f"{' in '.join(self._who_needs(name))} needs {name!r}: call update(updates, state, {passed})."
            )

    def _who_needs(self, name: str) -> list[str]:
        """The names from the transformation that declares the need to this one, outward."""
        for part in self.nested:
            if name in part.needs:
                return [*part._who_needs(name), type(self).__name__]
        return [type(self).__name__]


def _scheduled_values(tx: GradientTransformation, count: Array) -> tuple[list[Array], Array]:
    """The value of each scheduled field at this count, and the next count."""
    return [tx.__dict__[name](count) for name in tx.scheduled], safe_increment(count)


def _guarded_init(init: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(init)
    def guarded(self: GradientTransformation, params: Params) -> OptState:
        with jax.named_scope(type(self).__name__):
            state = init(self._at(zero_count()) if self.scheduled else self, params)
        return _counted(self, zero_count(), state) if self.scheduled else state

    return guarded


def _guarded_evaluation(evaluation: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(evaluation)
    def guarded(self: GradientTransformation, state: OptState, params: Params) -> Params:
        with jax.named_scope(type(self).__name__):
            return evaluation(self.resolved(state), self.own_state(state), params)

    return guarded


def _counted(tx: GradientTransformation, count: Array, state: OptState) -> OptState:
    """`state` with the count of the schedules of `tx`."""
    return ScaleByScheduleState(count) if isinstance(state, EmptyState) else ScheduledState(count, state)


def _as_function(function: Any) -> Any:
    if callable(function):
        return function
    raise TypeError(f"GradientTransformation(init_fn, update_fn) takes two functions, got {function!r}.")


class _from_functions(GradientTransformation, check=None):
    """A transformation from two functions, which are parts of its tree structure."""

    init_fn: Callable[[Params], OptState] = static(convert=_as_function)
    update_fn: Callable[..., tuple[Updates, OptState]] = static(convert=_as_function)

    def init(self, params: Params) -> OptState:
        return self.init_fn(params)

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        if params is not None:  # the functions may keep their state in the precision of the updates
            updates = narrowed(updates, updates, params)
        return self.update_fn(updates, state, params, **_taken(self.update_fn, extra))

    def __repr__(self) -> str:
        return f"GradientTransformation({spelled(self.init_fn)}, {spelled(self.update_fn)})"


def _taken(function: Callable[..., Any], extra: dict[str, Any]) -> dict[str, Any]:
    """The extra arguments that the signature of `function` names after updates, state and parameters."""
    by_name = list(signature(function).parameters.values())[3:]
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in by_name):
        return extra
    names = {parameter.name for parameter in by_name}
    return {name: value for name, value in extra.items() if name in names}


def as_transformation(tx: Any) -> GradientTransformation:
    """`tx` as a transformation; an object of another library with `.init` and `.update` is lifted.

    Args:
      tx: a transformation, or an object with `.init` and `.update`, such as an Optax transformation.

    Raises:
      TypeError: for anything else.
    """
    if isinstance(tx, GradientTransformation):
        return tx
    if callable(getattr(tx, "init", None)) and callable(getattr(tx, "update", None)):
        return GradientTransformation(tx.init, tx.update)
    hint = ""
    if isinstance(tx, list | tuple):
        hint = " Unpack it: chain(*transformations)."
    elif inspect.isfunction(tx) or inspect.isclass(tx):
        hint = f" Call it: {tx.__name__}(...)."
    raise TypeError(f"Expected a transformation, with .init and .update, got {tx!r}.{hint}")


GradientTransformationExtraArgs = GradientTransformation
with_extra_args_support = as_transformation

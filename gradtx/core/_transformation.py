"""The protocol: an optimizer is a value with two pure methods, `init` and `update`."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, final

import jax
from jax import Array

from gradtx.core._annotations import OptState, Params, Updates
from gradtx.core._arguments import gone_array, missing, refuse_none, undefined, unmapped, warn_of_nothing
from gradtx.core._axes import require_axes
from gradtx.core._compiling import call
from gradtx.core._counted import COUNTED, EmptyState, ScheduledState, counted, wrong_count, wrong_kind
from gradtx.core._counts import safe_increment, zero_count
from gradtx.core._declared import Declared
from gradtx.core._findings import Finding
from gradtx.core._keywords import refuse_unknown
from gradtx.core._schedule import Schedule, as_schedule
from gradtx.core._states import StateMismatchError, explained
from gradtx.tree import flatten, match, narrowed, spelled


class GradientTransformation(Declared, abstract=True):
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
      role: the part that the transformation plays in an optimizer, for `lint`: `"normalizes"` (the size of
        its updates does not follow that of the gradients), `"clips"`, `"decays"` (it adds a multiple of the
        parameters), `"rate"` (it applies the learning rate), or `None`.
      elementwise: whether an element of the update depends on the arrays at its own place alone. A norm, a
        matrix, a shape or a random draw does not: inside `jax.shard_map` a shard is then refused, unless a
        field `axis_name` names the axes over which it is split. A class with this field is not elementwise.
      counts: the fields of the state that count updates, whatever the data and the hyperparameters are: one
        number serves all members of a stack, see `state_axes`. A `Rule` declares its count by `numbers`.

    `GradientTransformation(init, update)` makes a transformation from two functions, and
    `init, update = tx` unpacks one.

    Args:
      init: a function from the parameters to the state.
      update: a function `update(updates, state, params)` that returns the new updates and the new state. It
        also gets the extra arguments that its signature names.

    >>> import jax.numpy as jnp
    >>> double = GradientTransformation(lambda params: (), lambda u, s, p=None: (2 * u, s))
    >>> double.update(jnp.ones(2), double.init(jnp.ones(2)))
    (Array([2., 2.], dtype=float32), ())
    """

    _lifted: ClassVar[type["GradientTransformation"]]
    """The subclass that is made from two functions (`core/_lifting.py`)."""

    opaque: ClassVar[bool] = False
    """Whether the transformations in it cannot be seen, as in an object of another library."""
    _stateless: ClassVar[bool] = False

    refused_dtypes: ClassVar[frozenset[str]] = frozenset()
    """The dtypes of parameters that `init` refuses."""

    may_skip: ClassVar[bool] = False
    """Whether an update of a nested transformation may be left out, so that its schedules stand still."""

    def __init_subclass__(cls, *, abstract: bool = False, **keywords: Any) -> None:
        super().__init_subclass__(abstract=abstract, **keywords)
        cls._stateless = not cls._states and cls.init is GradientTransformation.init
        if not abstract:
            cls.init = _guarded_init(cls.init)
            cls.evaluation_params = _guarded_evaluation(cls.evaluation_params)

    if TYPE_CHECKING:
        # At run time `__new__` returns a `_lifted`, which has a field for each of the functions.
        def __init__(
            self, init: Callable[[Params], OptState], update: Callable[..., tuple[Updates, OptState]]
        ) -> None: ...

    def __new__(cls, *args: Any, **kwargs: Any) -> "GradientTransformation":
        if cls.apply is GradientTransformation.apply and cls is not GradientTransformation:
            raise undefined(cls.__name__)
        if cls is not GradientTransformation:
            return super().__new__(cls, *args, **kwargs)
        refuse_unknown(cls._lifted, kwargs, cls.__name__)
        return object.__new__(cls._lifted)

    def init(self, params: Params) -> OptState:
        """The state for these parameters, before the first update."""
        return self._first_state(params)

    def _first_state(self, params: Params) -> OptState:
        """The state of a class that defines no `init`."""
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
          ValueError: for a missing argument.
          StateMismatchError: for the state of another optimizer, with the places that differ.
          TreeMismatchError: where updates and parameters do not correspond, with the path of the leaf.
          RuntimeError: for an array that was donated to an earlier step, with its name.
        """
        changed, state = self.wide_update(updates, state, params, **extra)
        return self._narrowed(changed, updates, params), state

    @final
    def wide_update(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        """`update` without the rounding: the updates are in float32 or wider, for `apply_updates`."""
        self._refuse_stack("update", "updates, state, params")
        refuse_none(updates)
        if self.needs:
            self._require(params, extra)
        if self.check and params is not None:
            leaves = match(updates, same_shape=self.check == "shapes", params=params).leaves
        else:
            leaves = flatten(updates)[0]
        try:
            result = self._update(updates, state, params, **extra)
        except StateMismatchError as error:
            raise explained(error, self, state, updates if params is None else params) from None
        except (RuntimeError, ValueError):
            if gone := gone_array("update", updates=updates, state=state, params=params):
                raise gone from None
            raise
        warn_of_nothing(leaves, updates, params)
        return result

    @final
    def _update(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        # Chains and wrappers call this method of nested transformations: nothing is checked or rounded again.
        with jax.named_scope(type(self).__name__):
            if not self._elementwise:
                self._require_axes(updates=updates, params=params if "params" in self._own_needs else None)
            own = self.own_state(state)
            if not self.scheduled:
                return self.apply(updates, own, params, **extra)
            values, count = call(_scheduled_values, self, state.count)
            current = self.with_fields(**dict(zip(self.scheduled, values, strict=True)))
            updates, own = current.apply(updates, own, params, **extra)
            return updates, counted(count, own)

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

    def __getitem__(self, index: Any) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} has no entry [{index!r}]: an optimizer is one value. Write tx.init or "
            "tx.update for a function, and tx.transformations[i] for a part of a chain(...)."
        )

    def _replace(self, **functions: Any) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__}._replace({', '.join(functions)}): an optimizer is one value, no pair.\n"
            "Write replace(tx, ...) for other hyperparameters, and GradientTransformation(init, update) for "
            "other functions, with tx.init or tx.update for the one that stays."
        )

    @cached_property
    def needs(self) -> frozenset[str]:
        """The names of the arguments that `update` requires, here or in a nested transformation."""
        by_option = {
            name
            for field in self._fields
            for name, asks in field.metadata.get("needs", {}).items()
            if asks(self.__dict__[field.name])
        }
        return self._own_needs.union(by_option, *(part.needs for part in self.nested))

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

    @cached_property
    def counts(self) -> tuple[str, ...]:
        """The fields of the state that count updates, alike in all members of a stack."""
        return self._counts

    @property
    def in_lockstep(self) -> bool:
        """Whether all members of a stack update the nested transformations in the same calls."""
        return not self.may_skip

    def parts(self, state: OptState) -> Sequence[tuple[str, "GradientTransformation", OptState]]:
        """The nested transformations, each with its path and its part of the state of this transformation."""
        return ()

    def parts_with(self, params: Params) -> Sequence[tuple[str, "GradientTransformation", Params]]:
        """The nested transformations, each with its path and the parameters that it sees."""
        return ()

    def warnings(self, params: Params) -> Iterator[Finding]:
        """Warnings of this transformation alone, with paths from here, for `lint` and `summary`.

        Args:
          params: the parameters that the transformation sees, or `None` where they are not known.
        """
        for title, labels in () if params is None else self.selections(params):
            leaves = jax.tree.leaves(labels)
            if leaves and not any(leaves):
                text, remedy = f"the mask of {title} selects no leaf.", "leaf_table shows the paths of all."
                yield Finding("empty-mask", "", text, remedy)

    def selections(self, params: Params) -> Iterator[tuple[str, Any]]:
        """For `leaf_table`, a title and a tree of labels, one for each leaf, of each choice of leaves."""
        masks = [field for field in self._fields if field.metadata.get("selects")]
        for field in masks:
            where = type(self).__name__ if len(masks) == 1 else f"{type(self).__name__}.{field.name}"
            labels = field.metadata["at"](self.__dict__[field.name], params, params, where)
            if labels is not None:
                yield where, labels

    def update_sign(self) -> int:
        """1 if the updates keep their direction, -1 if they are turned around, 0 if that is not known."""
        return 1

    def own_state(self, state: OptState) -> OptState:
        """`state` without the count of schedules: the state that `apply` gets.

        Raises:
          StateMismatchError: for a state of another kind than that of `init`.
        """
        # A wrapper without a named tuple of its own may return the state of a nested transformation, which
        # may have a schedule.
        judged = self.scheduled or self._states or not (self.nested or self._check is None)
        if judged and isinstance(state, COUNTED) != bool(self.scheduled):
            raise wrong_count(type(self).__name__, state, self.scheduled)
        if self.scheduled:
            state = state.inner if isinstance(state, ScheduledState) else EmptyState()
        if self._states and getattr(state, "_fields", None) not in [kind._fields for kind in self._states]:
            raise wrong_kind(type(self).__name__, state, self._states)
        if self._stateless and isinstance(state, tuple | list | dict) and state:
            raise wrong_kind(type(self).__name__, state, ())
        return state

    def resolved(self, state: OptState) -> "GradientTransformation":
        """This transformation with the value for the next update in the place of each schedule."""
        self.own_state(state)
        return self._at(state.count) if self.scheduled else self

    def hyperparameters_at(self, state: OptState) -> dict[str, Any]:
        """The hyperparameters of this transformation alone for the next update, by name."""
        return self.resolved(state).hyperparameters()

    def own_expression(self) -> str:
        """The expression in one line without the nested transformations."""
        if not self.nested:
            return self.expression()
        numbers = ", ".join(f"{name}={spelled(value)}" for name, value in self.hyperparameters().items())
        return f"{type(self).__name__}({numbers})"

    def _repr_html_(self) -> str:
        from gradtx.core._html import of_transformation  # noqa: PLC0415 - for a notebook alone

        return of_transformation(self)

    def _at(self, count: Array) -> "GradientTransformation":
        return self.with_fields(**{name: self.__dict__[name](count) for name in self.scheduled})

    def convert_hyperparameter(self, name: str, value: Any, bounds: Any) -> Any:
        """A number, or a schedule for a function of the count."""
        if callable(value):
            return as_schedule(value)
        return super().convert_hyperparameter(name, value, bounds)

    _numbers = "a number or a schedule"

    def _require_axes(self, **trees: Any) -> None:
        """Refuses a shard of a leaf, unless a field names the axes over which it is split."""
        axis_name = self.__dict__.get("axis_name")
        require_axes(type(self).__name__, axis_name, takes_axis_name="axis_name" in self.__dict__, **trees)

    @cached_property
    def _stack(self) -> tuple[int, ...]:
        """The shape of the numbers of a stack; `()` where there is none."""
        return next(filter(None, (getattr(leaf, "shape", ()) for leaf in jax.tree.leaves(self))), ())

    def _refuse_stack(self, method: str, arguments: str) -> None:
        if self._stack:
            raise unmapped(type(self).__name__, self._stack, method, arguments)

    def _require(self, params: Params, extra: dict[str, Any]) -> None:
        given = {name for name, value in {**extra, "params": params}.items() if value is not None}
        for name in sorted(self.needs - given):
            raise missing(self._who_needs(name), name, extra)

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
        self._refuse_stack("init", "params")
        with jax.named_scope(type(self).__name__):
            if not self._elementwise:
                self._require_axes(params=params)
            state = init(self._at(zero_count()) if self.scheduled else self, params)
        return counted(zero_count(), state) if self.scheduled else state

    return guarded


def _guarded_evaluation(evaluation: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(evaluation)
    def guarded(self: GradientTransformation, state: OptState, params: Params) -> Params:
        with jax.named_scope(type(self).__name__):
            return evaluation(self.resolved(state), self.own_state(state), params)

    return guarded

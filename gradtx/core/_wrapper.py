"""Wrappers: transformations that wrap others."""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

from gradtx.core._annotations import OptState, Params, Updates
from gradtx.core._lifting import as_transformation
from gradtx.core._states import MAKE_ONE, StateMismatchError
from gradtx.core._transformation import GradientTransformation
from gradtx.tree import listed, outline

Part = tuple[str, GradientTransformation, OptState]
"""A nested transformation with its path and its state."""


class Wrapper(GradientTransformation, abstract=True):
    """A transformation that wraps others, in fields declared with `nested`.

    The class declares everything that other code needs to know about it:

        class ramp(Wrapper, state=RampState):
            inner: GradientTransformation = nested(state="inner_state")

            def init(self, params):
                return RampState(zero_count(), self.inner.init(params))

            def apply(self, updates, state, params=None, **extra):
                updates, inner = self.update_part(self.inner, updates, state.inner_state, params, **extra)
                ...

    - `nested(..., state=...)` is the place of a nested state. `parts` follows from these places, and from
      `parts` follow `eval_params`, `hyperparams`, `summary` and everything else that reads an optimizer and
      its state together;
    - `nested(..., may_skip=True)` declares that an update of that transformation may be left out, so that its
      schedules stand still;
    - `couples_leaves` declares that in the wrapper itself the update of a leaf depends on other leaves;
    - the state may have a method `metrics()`, whose numbers `gradtx.metrics` finds.

    The declarations are checked when the class is defined: a nested field without `state`, or with a place
    that the named tuple does not have, is an error.

    The default `init` is for a wrapper whose state is the tuple of the nested states.
    """

    convert_nested = staticmethod(as_transformation)

    _nested_fields: ClassVar[tuple[dataclasses.Field[Any], ...]] = ()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls._nested_fields = tuple(field for field in cls._fields if field.metadata.get("nested"))
        for field in cls._nested_fields:
            cls._check_place(field)
        cls.may_skip = any(field.metadata["may_skip"] for field in cls._nested_fields)

    @classmethod
    def _check_place(cls, field: dataclasses.Field[Any]) -> None:
        """Checks that the state of a nested field has a declared place, and that the place exists."""
        place = field.metadata["state"]
        if place is None:
            raise TypeError(
                f"{cls.__name__}: declare the place of the state of {field.name}, as in nested(..., "
                'state="inner_state"), so that eval_params, hyperparams and summary find it.'
            )
        first = place.split(".")[0]
        for kind in cls._states if first.isidentifier() else ():
            if first not in kind._fields:
                raise TypeError(
                    f"{cls.__name__}: the state of {field.name} is declared at {place!r}, and "
                    f"{kind.__name__} has the fields {', '.join(kind._fields)}."
                )
        if first.isidentifier() and not cls._states:
            raise TypeError(
                f"{cls.__name__}: the state of {field.name} is declared at {place!r}; name the class of the "
                "state in the class line, as in state=MyState."
            )

    def init(self, params: Params) -> OptState:
        return tuple(part.init(params) for part in self.nested)

    def update_part(
        self,
        part: GradientTransformation,
        updates: Updates,
        state: OptState,
        params: Params = None,
        **extra: Any,
    ) -> tuple[Updates, OptState]:
        """The update of a nested transformation, in float32 or wider; nothing is checked or rounded again.

        A wrapper that takes `params` or an extra argument away from `part` calls `part.wide_update` instead,
        so that a missing need is named.
        """
        return part._update(updates, state, params, **extra)

    def _narrowed_by_leaf(self, changed: Updates, updates: Updates, params: Params) -> Updates:
        wide = [part for part in self.nested if part.wide]
        if self._wide or len(wide) != 1:
            return changed
        return wide[0]._narrowed_by_leaf(changed, updates, params)

    @cached_property
    def nested(self) -> tuple[GradientTransformation, ...]:
        """The transformations in the fields."""
        values = (self.__dict__[field.name] for field in self._nested_fields)
        return tuple(tx for value in values for tx in (value if isinstance(value, tuple) else (value,)))

    @cached_property
    def check(self) -> str | None:
        checks = {part.check for part in self.nested}
        return "shapes" if checks == {"shapes"} else (None if None in checks else "structure")

    @cached_property
    def _checks_result(self) -> bool:
        return all(part._checks_result for part in self.nested)

    def parts_with(self, params: Params) -> Sequence[tuple[str, GradientTransformation, Params]]:
        return [(path, tx, params) for field in self._nested_fields for path, tx in self._placed(field)]

    def parts(self, state: OptState) -> Sequence[Part]:
        """The nested transformations, each with its path and its part of the state of this wrapper.

        Raises:
          StateMismatchError: for a state without a part at a declared place.
        """
        return [part for field in self._nested_fields for part in self._parts_in(field, state)]

    def _parts_in(self, field: dataclasses.Field[Any], state: OptState) -> Iterator[Part]:
        value, place = self.__dict__[field.name], field.metadata["state"]
        if not isinstance(value, tuple):
            ((path, tx),) = self._placed(field)
            yield path, tx, self._at_place(state, place)
            return
        keys = self._keys(field)
        before, _, after = (f".{place}.").partition(".*.")
        states = self._at_place(state, before.strip("."))
        found = range(len(states)) if isinstance(states, tuple) else states
        if not isinstance(states, tuple | dict) or set(found) != set(keys):
            expected = f"a tuple of {len(value)} states, one for each transformation"
            if field.metadata["keys"]:
                expected = f"a dictionary with the keys {listed(map(str, keys), most=5)}"
            raise StateMismatchError(
                f"{type(self).__name__}: the state must be {expected}, got {outline(states)}.{MAKE_ONE}"
            )
        for key, (path, tx) in zip(keys, self._placed(field), strict=True):
            yield path, tx, self._at_place(states[key], after.strip("."))

    def _keys(self, field: dataclasses.Field[Any]) -> Sequence[Any]:
        """The key of each transformation in a tuple of them."""
        names = field.metadata["keys"]
        return self.__dict__[names] if names else range(len(self.__dict__[field.name]))

    def _placed(self, field: dataclasses.Field[Any]) -> list[tuple[str, GradientTransformation]]:
        """The transformations in a field, each with its path."""
        value = self.__dict__[field.name]
        if isinstance(value, tuple):
            return [(f"[{key!r}]", tx) for key, tx in zip(self._keys(field), value, strict=True)]
        return [("" if len(self._nested_fields) == 1 else f"[{self._nested_fields.index(field)}]", value)]

    def _at_place(self, state: OptState, place: str) -> OptState:
        try:
            for step in filter(None, place.split(".")):
                state = state[int(step)] if step.isdigit() else getattr(state, step)
        except (AttributeError, IndexError, TypeError):
            raise StateMismatchError(
                f"{type(self).__name__}: the state has nothing at {place!r}, got {outline(state)}.{MAKE_ONE}"
            ) from None
        return state

"""Values: frozen dataclasses that are pytrees, print as expressions, and compare and hash by content."""

import dataclasses
import inspect
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.tree_util import GetAttrKey

from gradtx.core._bounds import Bounds
from gradtx.core._contents import contents
from gradtx.core._documentation import args_of, field_texts, with_args, with_defaults
from gradtx.core._fields import decay_factor, hyperparameter, is_static, nested, static, storage_dtype
from gradtx.core._keywords import refuse_unknown
from gradtx.core._table import print_lines
from gradtx.tree import laid_out, members, outline, spelled


@dataclass_transform(
    frozen_default=True,
    eq_default=False,
    field_specifiers=(hyperparameter, decay_factor, static, storage_dtype, nested),
)
class Value:
    """The base of transformations and schedules: a subclass is a frozen dataclass and a pytree.

    Its fields are the children of the pytree, with attribute key paths; those declared with `static()` are
    parts of the tree structure. Construction converts and validates each field. Unflattening does neither,
    since JAX unflattens with tracers and placeholders.
    """

    _fields: ClassVar[tuple[dataclasses.Field[Any], ...]] = ()

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(eq=False, repr=False)(cls)
        cls._fields = dataclasses.fields(cls)  # pyright: ignore[reportArgumentType]
        if cls.__doc__:
            texts = field_texts(cls) | args_of(cls.__doc__)
            cls.__doc__ = with_args(cls.__doc__, with_defaults(texts, inspect.signature(cls)))
        data = tuple(field.name for field in cls._fields if not is_static(field))
        structure = tuple(field.name for field in cls._fields if is_static(field))

        def flatten(value: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            held = value.__dict__
            return tuple(map(held.__getitem__, data)), tuple(map(held.__getitem__, structure))

        def flatten_with_keys(value: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            children, aux = flatten(value)
            return tuple(zip(map(GetAttrKey, data), children, strict=True)), aux

        def unflatten(aux: tuple[Any, ...], children: Iterable[Any]) -> Any:
            value = object.__new__(cls)
            value.__dict__.update(zip(data, children, strict=True))
            value.__dict__.update(zip(structure, aux, strict=True))
            return value

        jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        refuse_unknown(cls, kwargs)
        return object.__new__(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        # `frozen=True` would generate this method for every class, which takes half of the import time.
        if name in self.__dict__ or all(field.name != name for field in self._fields):
            raise dataclasses.FrozenInstanceError(
                f"{type(self).__name__} is a value: replace(tx, {name}=...) makes another one."
            )
        self.__dict__[name] = value

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"{type(self).__name__} is a value, and keeps its {name}.")

    def __post_init__(self) -> None:
        for field in self._fields:
            self.__dict__[field.name] = self.converted(field.name, self.__dict__[field.name])
        if not is_unvalidated():
            self.validate()

    def validate(self) -> None:
        """Checks the conditions between fields, at construction and after `replace`.

        Numbers may be traced or stacked.

        Raises:
          ValueError: for fields of which each is legal and which do not fit each other.
        """

    def converted(self, name: str, value: Any) -> Any:
        """`value` in the form in which the field `name` stores it.

        Raises:
          TypeError, ValueError: for a value that does not fit the field.
        """
        (field,) = (field for field in self._fields if field.name == name)
        return field.metadata.get("convert", _unbounded)(self, name, value)

    def convert_hyperparameter(self, name: str, value: Any, bounds: Bounds) -> Any:
        """A number in the form in which the field `name` stores it.

        Raises:
          TypeError: for anything else than one real number.
          ValueError: for a number outside of the bounds.
        """
        if is_unvalidated():
            return value
        where = f"{type(self).__name__}: {name}"
        if isinstance(value, bool | np.bool_) or not (
            isinstance(value, int | float | np.generic | np.ndarray | jax.Array)
            and jnp.issubdtype(jnp.result_type(value), jnp.number)
            and not jnp.iscomplexobj(value)
        ):
            raise TypeError(f"{where} must be {self._numbers}, got {outline(value)}.")
        if np.ndim(value) > 0:
            raise TypeError(
                f"{where} must be one number, got an array of shape {np.shape(value)}. To stack several "
                "optimizers in one value, map the constructor: `jax.vmap(adam)(learning_rates)`."
            )
        whole = jnp.issubdtype(jnp.result_type(value), jnp.integer)
        if isinstance(value, Tracer):
            return value.astype(float) if whole else value
        number = float(value) if whole or isinstance(value, float) else np.asarray(value)[()]
        if problem := bounds.problem(float(number)):
            raise ValueError(f"{where} must be {problem}, got {outline(value)}.")
        return number

    _numbers: ClassVar[str] = "a number"

    def hyperparameters(self) -> dict[str, Any]:
        """The numbers and schedules in the fields of this value alone, by field name."""
        return {
            field.name: self.__dict__[field.name]
            for field in self._fields
            if not is_static(field) and not field.metadata.get("nested")
        }

    def options(self) -> dict[str, Any]:
        """The static fields off their defaults, by field name."""
        held = {
            field.name: (self.__dict__[field.name], field.default)
            for field in self._fields
            if is_static(field)
        }
        return {name: value for name, (value, default) in held.items() if value != default}

    def with_fields(self, **fields: Any) -> Any:
        """A copy with other field values, which are neither converted nor validated."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__getstate__(), **fields)
        return copy

    def __getstate__(self) -> dict[str, Any]:
        """The fields, without cached properties."""
        return {field.name: self.__dict__[field.name] for field in self._fields}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and (self is other or contents(self) == contents(other))

    def __hash__(self) -> int:
        return hash(contents(self))

    def expression(self) -> str:
        """The expression that makes this value, in one line.

        That of a stacked value is for readers alone: it has the numbers of the members as a list, in which
        `!` marks a number out of bounds.
        """
        options = self.options()
        shown = [
            f"{field.name}={self._spelled_field(field)}"
            for field in sorted(self._fields, key=lambda field: field.kw_only is True)
            if not is_static(field) or field.name in options
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _spelled_field(self, field: dataclasses.Field[Any]) -> str:
        value = self.__dict__[field.name]
        bounds: Bounds = field.metadata.get("bounds", _NO_BOUNDS)
        numbers = concrete(value)
        if numbers.ndim == 0 or numbers.size == 0:
            return spelled(value)
        return members(numbers, lambda number: bounds.problem(number) is not None)

    def __repr__(self) -> str:
        return laid_out(self.expression())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        print_lines(printer, repr(self))

    def out_of_bounds(self) -> Iterator[tuple[str, float, str]]:
        """Each field with a number out of bounds, as in a stack: name, number and bounds in words."""
        for field in self._fields:
            bounds: Bounds = field.metadata.get("bounds", _NO_BOUNDS)
            numbers = map(float, concrete(self.__dict__[field.name]).flat)
            refused = next(filter(bounds.problem, numbers), None)
            if refused is not None:
                yield field.name, refused, bounds.stated()


def concrete(number: Any) -> Any:
    """The values of a hyperparameter as an array: one, or those of the members of a stack.

    There is none for a schedule, and for a number that is traced or on other hosts.
    """
    known = isinstance(number, int | float | np.generic | np.ndarray | jax.Array)
    if not known or isinstance(number, Tracer) or not getattr(number, "is_fully_addressable", True):
        return np.zeros(0)
    return np.asarray(number)


_NO_BOUNDS = Bounds(None, None, None, None)


def _unbounded(owner: Value, name: str, value: Any) -> Any:
    return owner.convert_hyperparameter(name, value, _NO_BOUNDS)


_unvalidated: ContextVar[bool] = ContextVar("as_given", default=False)


@contextmanager
def without_validation() -> Generator[None]:
    """A context in which hyperparameters are not validated, for an optimizer with numbers from a state.

    An update outside of `jax.jit` then treats a number that was written into the state as a compiled update
    does, and does not wait for its value.
    """
    token = _unvalidated.set(True)
    try:
        yield
    finally:
        _unvalidated.reset(token)


def is_unvalidated() -> bool:
    """Whether the caller is inside of `without_validation`."""
    return _unvalidated.get()

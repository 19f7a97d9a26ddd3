"""Declarations of the fields of a value: hyperparameters, structure and nested values."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gradtx.core._bounds import Bounds, whole_number
from gradtx.core._contents import by_value
from gradtx.tree import as_storage_dtype, outline


def hyperparameter(
    *,
    default: Any = dataclasses.MISSING,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    whole: bool = False,
    steps: bool = False,
    optional: bool = False,
    kw_only: bool = False,
    doc: str = "",
) -> Any:
    """Declares a number, which is data: another number does not retrace.

    Args:
      default: the default value; without one the field is required.
      low: the least value allowed.
      high: the greatest value allowed.
      above: a bound that the value must exceed.
      below: a bound that must exceed the value.
      whole: whether the value must be a whole number. It is kept as a float, as every number.
      steps: whether the value is a number of steps: a schedule warns of a fraction, and of 0 unless it is the
        default.
      optional: whether the field is a number or `None`, as with the default `None`.
      kw_only: whether the field is passed by keyword alone.
      doc: the meaning of the field, for the `Args` of the docstring.
    """
    optional = optional or default is None
    bounds = Bounds(low, high, above, below, whole)

    def converted(owner: Any, name: str, value: Any) -> Any:
        if value is None and optional:
            return None
        return owner.convert_hyperparameter(name, value, bounds)

    return dataclasses.field(
        default=default,
        kw_only=kw_only,
        metadata={
            "convert": converted,
            "allowed": bounds.stated(),
            "bounds": bounds,
            "optional": optional,
            "steps": (lambda value: (value,)) if steps else None,
            "doc": doc,
        },
    )


def decay_factor(*, default: Any = dataclasses.MISSING, doc: str = "") -> Any:
    """Declares the factor by which an average forgets at each step: a hyperparameter of at least 0, below 1.

    Args:
      default: the default value; without one the field is required.
      doc: the meaning of the field, for the `Args` of the docstring.
    """
    return hyperparameter(default=default, low=0.0, below=1.0, doc=doc)


def static(
    *,
    default: Any = dataclasses.MISSING,
    convert: Callable[[Any], Any] | None = None,
    choices: tuple[Any, ...] = (),
    low: int | None = None,
    at: Callable[[Any, Any, Any, str], Any] | None = None,
    selects: bool = False,
    needs: Mapping[str, Callable[[Any], bool]] | None = None,
    stores: str = "",
    kw_only: bool = False,
    doc: str = "",
) -> Any:
    """Declares a part of the tree structure: another value retraces.

    Args:
      default: the default value; without one the field is required.
      convert: a function from the argument to a hashable value.
      choices: the values allowed; empty for all values.
      low: for a whole number, the least one allowed; the largest is `LARGEST_COUNT`.
      at: for an option of a `Rule` that differs between leaves, a function of the value of the field, the
        updates, the parameters and a name for errors. It returns a tree with the option of each leaf, or
        `None` for `True` at every leaf. `leaf` gets the option of its leaf.
      selects: whether the option of a leaf is whether it is selected, as with a mask.
      needs: the arguments that `update` requires with some values of the field: by name, whether a value is
        one of these.
      stores: the array of the state of a `Rule` whose dtype the value is.
      kw_only: whether the field is passed by keyword alone.
      doc: the meaning of the field, for the `Args` of the docstring.
    """

    def converted(owner: Any, name: str, value: Any) -> Any:
        value = by_value(value if convert is None else _named(owner, name, convert, value))
        where = f"{type(owner).__name__}: {name}"
        if isinstance(default, bool) and not isinstance(value, bool):
            raise TypeError(f"{where} must be True or False, got {outline(value)}.")
        if low is not None:
            value = whole_number(where, value, low)
        return _checked(where, value, choices)

    kind = "a boolean" if isinstance(default, bool) else "a whole number" if low is not None else ""
    allowed = f"one of {_listed(choices)}" if choices else "" if low is None else f"at least {low}"
    metadata = {"convert": converted, "static": True, "doc": doc, "allowed": allowed, "kind": kind}
    metadata |= {"needs": needs or {}, "stores": stores} | (
        {} if at is None else {"at": at, "selects": selects}
    )
    return dataclasses.field(default=default, kw_only=kw_only, metadata=metadata)


def storage_dtype(*, of: str = "", default: Any = None, kw_only: bool = False, doc: str = "") -> Any:
    """Declares the dtype in which an array of the state is stored: structure, with `None` for the usual one.

    Args:
      of: the name of this array, for a `Rule`.
      default: the default value.
      kw_only: whether the field is passed by keyword alone.
      doc: the meaning of the field, for the `Args` of the docstring; by default that it is the dtype of `of`.
    """
    doc = doc or f"the dtype in which `{of}` is stored"
    return static(default=default, convert=as_storage_dtype, stores=of, kw_only=kw_only, doc=doc)


def nested(
    convert: Callable[[Any], Any] | None = None,
    *,
    default: Any = dataclasses.MISSING,
    state: str | None = None,
    keys: str | None = None,
    may_skip: bool = False,
    steps: Callable[[Any], Iterable[Any]] | None = None,
    kind: str = "a transformation",
    doc: str = "",
) -> Any:
    """Declares a field that contains another value, or a tuple of them.

    Args:
      convert: a function from the argument to this value; in a `Wrapper` by default `as_transformation`.
      default: the default value; without one the field is required.
      state: in a `Wrapper`, the place of the nested state in the state of the wrapper: a path with dots, of
        field names, entry numbers and `*` for the key of each transformation of a tuple. `""` is the whole
        state.
      keys: the static field with a key for each transformation of a tuple; by default they are numbered.
      may_skip: whether an update of the nested transformation may be left out.
      steps: in a schedule, a function from the value to the numbers of steps in it.
      kind: the kind of the argument, for the `Args` of the docstring.
      doc: the meaning of the field, for the `Args` of the docstring.
    """
    return dataclasses.field(
        default=default,
        metadata={
            "convert": lambda owner, name, value: _named(owner, name, convert or owner.convert_nested, value),
            "nested": True,
            "kind": kind,
            "state": state,
            "keys": keys,
            "may_skip": may_skip,
            "steps": steps,
            "doc": doc,
        },
    )


def is_static(field: dataclasses.Field[Any]) -> bool:
    """Whether a field is a part of the tree structure."""
    return field.metadata.get("static", False)


def _named(owner: Any, name: str, convert: Callable[[Any], Any], value: Any) -> Any:
    """`convert(value)`, with the name of the field before the text of an error."""
    try:
        return convert(value)
    except (TypeError, ValueError) as error:
        who = type(owner).__name__
        if type(error) not in (TypeError, ValueError) or str(error).startswith(f"{who}: "):
            raise
        raise type(error)(f"{who}: {name}: {error}") from None


def _checked(where: str, value: Any, choices: tuple[Any, ...]) -> Any:
    """`value`, if it is hashable and one of `choices`; the messages of errors begin with `where`."""
    try:
        hash(value)
    except TypeError:
        raise TypeError(f"{where} is structure and must be hashable, got {outline(value)}.") from None
    if choices and value not in choices:
        raise ValueError(f"{where} must be one of {_listed(choices)}, got {outline(value)}.")
    return value


def _listed(choices: tuple[Any, ...]) -> str:
    return ", ".join(map(repr, choices))

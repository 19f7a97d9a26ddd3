"""The settings of a sweep: the values of each number, and their combinations."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.tree_util import GetAttrKey

from gradtx.core import GradientTransformation, Schedule, as_transformation, find, is_static, replace
from gradtx.tree import is_function, outline

HOW = ("product", "zip")


def grid_of(name: str, values: Any) -> tuple[Any, ...]:
    """The values of one number, as Python numbers or schedules.

    Raises:
      TypeError, ValueError: for anything else than a list of numbers.
    """
    if isinstance(values, str | Mapping) or np.ndim(np.asarray(values, dtype=object)) != 1:
        raise TypeError(
            f"sweep: {name} takes a list of numbers, got {outline(values)}. For one value write "
            f"replace(tx, {name}=...), or a list with one entry."
        )
    if not len(values):
        raise ValueError(f"sweep: {name} has no values.")
    return tuple(map(_plain, values))


def _plain(value: Any) -> Any:
    """A number as one of Python's, with the digits of its dtype."""
    if not isinstance(value, jax.Array | np.generic | np.ndarray):
        return value
    scalar = np.asarray(value)[()]
    return float(str(scalar)) if isinstance(scalar, np.floating) else scalar.item()


def rows_of(axes: Sequence[tuple[str, tuple[Any, ...]]], how: str) -> list[dict[str, Any]]:
    """The values of each member by name; of a product the last axis varies fastest.

    Raises:
      ValueError: for another way to combine, and for lists of two lengths in a zip.
    """
    if how not in HOW:
        raise ValueError(f"sweep: how must be 'product' or 'zip', got {outline(how)}.")
    names, grids = [name for name, _ in axes], [values for _, values in axes]
    lengths = {name: len(values) for name, values in axes}
    if how == "zip" and len(set(lengths.values())) > 1:
        raise ValueError(f"sweep: how='zip' takes lists of one length, got {lengths}.")
    combined = itertools.product(*grids) if how == "product" else zip(*grids, strict=True)
    return [dict(zip(names, row, strict=True)) for row in combined]


def made(tx: Any, row: Mapping[str, Any]) -> GradientTransformation:
    """The optimizer with these numbers: `tx` with them replaced, or made by `tx`, a function or a class."""
    if isinstance(tx, type) or (is_function(tx) and not isinstance(tx, GradientTransformation)):
        make: Any = tx
        return as_transformation(make(**row))
    return replace(as_transformation(tx), **row)


def require_numbers(tx: Any, names: Sequence[str]) -> None:
    """Raises for a name that is no number of an optimizer: for an option, or for a nested transformation.

    Raises:
      NameLookupError: for a name that no field, or more than one, has, with the nearest names.
      TypeError: for a field of another kind.
    """
    for name in names if isinstance(tx, GradientTransformation) else ():
        path, held = find(tx, name)
        place = max(index for index, entry in enumerate(path) if isinstance(entry, GetAttrKey))
        owner = at_path(tx, path[:place])
        if _is_hyperparameter(held) and not _is_static(owner, path[place].name):
            continue
        raise TypeError(
            f"sweep: {name} is {outline(held)} in {type(owner).__name__}, an option and no number: another "
            "one is another program.\nSweep each option by itself, and compare them: "
            f"compare({{'first': sweep(...), 'second': sweep(replace(tx, {name}=...), ...)}}, ...)."
        )


def _is_hyperparameter(held: Any) -> bool:
    numbers = int | float | np.generic | np.ndarray | jax.Array
    return isinstance(held, Schedule | numbers) and not isinstance(held, bool)


def _is_static(owner: Any, name: str) -> bool:
    return any(field.name == name and is_static(field) for field in owner._fields)


def at_path(tx: Any, path: Sequence[Any]) -> Any:
    """The value at the path of a field."""
    for entry in path:
        tx = getattr(tx, entry.name) if isinstance(entry, GetAttrKey) else tx[_key(entry)]
    return tx


def _key(entry: Any) -> Any:
    return entry.idx if hasattr(entry, "idx") else entry.key


def is_number(value: Any) -> bool:
    """Whether a value of a grid is a number and no schedule."""
    return not isinstance(value, Schedule) and not callable(value)

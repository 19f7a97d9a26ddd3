"""Replacing hyperparameters of an optimizer by name."""

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from jax.tree_util import DictKey, GetAttrKey, SequenceKey

from gradtx.core._schedule import Schedule
from gradtx.core._transformation import GradientTransformation
from gradtx.core._value import Value
from gradtx.tree import Path, is_called, only

T = TypeVar("T", bound=Value)


def replace(tx: T, **fields: Any) -> T:
    """A copy of an optimizer in which each named field, at any depth, has a new value.

    The new value is converted and validated as at construction. After a change of numbers, the state of the
    old optimizer is also one of the new optimizer. A schedule and a number cannot replace each other, since a
    schedule keeps a count in the state: replace a schedule with `constant_schedule(number)`. In a stacked
    optimizer, replace under `jax.vmap`.

    Args:
      tx: a transformation or a schedule.
      **fields: the new values by field name, or, to narrow the search, by the end of the path of a field
        (`**{"[0].eps": 1e-6}`).

    Raises:
      NameLookupError: where no field, or more than one, has the name; the message lists the candidates.
      TypeError, ValueError: for a value that does not fit the field.

    >>> from gradtx import chain, scale_by_adam, scale_by_learning_rate
    >>> tx = chain(scale_by_adam(), scale_by_learning_rate(1e-3))
    >>> replace(tx, learning_rate=1e-4)
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          scale_by_learning_rate(learning_rate=0.0001))
    """
    for name, value in fields.items():
        path, _ = find(tx, name)
        tx = _put(tx, path, value)
    return tx


def find(tx: Value, name: str) -> tuple[Path, Any]:
    """The path and the value of the one field of this name, at any depth."""
    there = list(fields_of(tx))
    return only([(path, held) for path, held in there if is_called(path, name)], name, there)


def fields_of(held: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every field of a value and of the values nested in it, with its path."""
    if isinstance(held, Value):
        children = [(GetAttrKey(field.name), held.__dict__[field.name]) for field in held._fields]
    elif isinstance(held, tuple):
        children = [(SequenceKey(index), part) for index, part in enumerate(held)]
    elif isinstance(held, dict):
        children = [(DictKey(name), part) for name, part in held.items()]
    else:
        return
    for entry, child in children:
        yield (*path, entry), child
        yield from fields_of(child, (*path, entry))


def _put(held: Any, path: Path, value: Any) -> Any:
    """`held` with `value`, converted and validated, at `path`."""
    entry, rest = path[0], path[1:]
    if isinstance(entry, SequenceKey):
        parts = list(held)
        parts[entry.idx] = _put(parts[entry.idx], rest, value)
        return tuple(parts)
    if isinstance(entry, DictKey):
        return {**held, entry.key: _put(held[entry.key], rest, value) if rest else value}
    old = held.__dict__[entry.name]
    if not rest and np.ndim(old) > 0 and not isinstance(old, tuple):
        raise TypeError(
            f"replace: {type(held).__name__}.{entry.name} is stacked, of shape {np.shape(old)}. Map the "
            f"replacement: jax.vmap(lambda tx, value: replace(tx, {entry.name}=value))(tx, values)."
        )
    new = _put(old, rest, value) if rest else value
    if not rest or isinstance(old, dict):
        new = held.converted(entry.name, new)
    if isinstance(held, GradientTransformation) and isinstance(old, Schedule) != isinstance(new, Schedule):
        raise TypeError(
            f"replace: {type(held).__name__}.{entry.name} is {old!r} and cannot become {new!r}: a schedule "
            "keeps a count in the state, and a number does not. "
            + ("Use constant_schedule(number)." if isinstance(old, Schedule) else "Build a new optimizer.")
        )
    return held.with_fields(**{entry.name: new})

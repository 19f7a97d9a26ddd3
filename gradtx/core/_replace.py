"""Replacing hyperparameters of an optimizer by name."""

from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from jax.tree_util import DictKey, GetAttrKey, SequenceKey

from gradtx.core._schedule import Schedule, as_schedule
from gradtx.core._transformation import GradientTransformation
from gradtx.core._value import Value
from gradtx.tree import Path, is_called, only, spelled

T = TypeVar("T", bound=Value)


def replace(tx: T, **fields: Any) -> T:
    """A copy of an optimizer in which each named field, at any depth, has a new value.

    The new value is converted and validated as at construction. After a change of numbers, the state of the
    old optimizer is also one of the new optimizer. A number in the place of a schedule becomes a
    `constant_schedule`, since the state has a count. A schedule cannot replace a number, since the state has
    none. In a stacked optimizer, replace under `jax.vmap`.

    Args:
      tx: a transformation or a schedule.
      **fields: the new values by field name, or, to narrow the search, by the end of the path of a field
        (`**{"[0].eps": 1e-6}`, `**{"learning_rate.peak_value": 1e-3}`).

    Raises:
      NameLookupError: where no field, or more than one, has the name; the message lists the candidates.
      TypeError, ValueError: for a value that does not fit the field, or a schedule in the place of a number.

    >>> from gradtx import chain, scale_by_adam, scale_by_learning_rate
    >>> tx = chain(scale_by_adam(), scale_by_learning_rate(1e-3))
    >>> replace(tx, learning_rate=1e-4)
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          scale_by_learning_rate(learning_rate=0.0001))
    >>> from gradtx import cosine_decay_schedule
    >>> replace(scale_by_learning_rate(cosine_decay_schedule(1e-3, 100)), learning_rate=1e-4)
    scale_by_learning_rate(learning_rate=constant_schedule(value=0.0001))
    """
    for name, value in fields.items():
        path, _ = find(tx, name)
        tx = _put(tx, path, value)
    for held in (tx, *(held for _, held in fields_of(tx))):  # once, since fields may change together
        if isinstance(held, Value):
            held.validate()
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
    if not path:
        return value
    entry, rest = path[0], path[1:]
    if isinstance(entry, SequenceKey):
        parts = list(held)
        parts[entry.idx] = _put(parts[entry.idx], rest, value)
        return tuple(parts)
    if isinstance(entry, DictKey):
        return {**held, entry.key: _put(held[entry.key], rest, value)}
    old = held.__dict__[entry.name]
    where = f"replace: {type(held).__name__}.{entry.name}"
    if not rest and not isinstance(old, tuple) and np.ndim(old) > 0:
        raise TypeError(
            f"{where} is stacked, of shape {np.shape(old)}. Map the "
            f"replacement: jax.vmap(lambda tx, value: replace(tx, {entry.name}=value))(tx, values)."
        )
    new = _put(old, rest, value)
    if not rest or isinstance(old, dict | tuple):
        new = held.converted(entry.name, new)
    if isinstance(held, GradientTransformation) and entry.name in held.hyperparameters():
        new = _of_the_same_kind(where, old, new)
    return held.with_fields(**{entry.name: new})


def _of_the_same_kind(where: str, old: Any, new: Any) -> Any:
    """`new` in the place of the hyperparameter `old`: a schedule where one was, and only there."""
    if isinstance(old, Schedule):
        return as_schedule(new)
    if isinstance(new, Schedule):
        raise TypeError(
            f"{where} is {spelled(old)} and cannot become {new!r}: a schedule needs a count of updates, "
            "which the state does not have. Make the optimizer anew with the schedule, and its state with "
            f"init(params). If a schedule may follow, begin with constant_schedule({spelled(old)})."
        )
    return new

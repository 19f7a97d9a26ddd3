"""The contents of values, compared bit by bit."""

import functools
import struct
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from gradtx.tree import spelled


def contents(value: Any) -> tuple[Any, ...]:
    """The structure and the bits of the leaves: equal for the same program with the same numbers."""
    leaves, treedef = jax.tree.flatten(value)
    return (type(value), treedef, tuple(map(leaf_key, leaves)))


def leaf_key(leaf: Any) -> Any:
    """The type and the bits of a leaf in a hashable form."""
    if isinstance(leaf, Tracer):
        raise TypeError(
            "This optimizer has a traced hyperparameter, so it can be neither compared nor hashed. "
            "Inside `jax.jit` pass it as an argument, not as a static one, and do not keep it in a "
            "static field."
        )
    if isinstance(leaf, float):
        return (float, struct.pack("d", leaf))
    if isinstance(leaf, np.generic | np.ndarray | jax.Array):
        array = np.asarray(leaf)
        return (array.dtype, array.shape, getattr(leaf, "weak_type", False), array.tobytes())
    return leaf


class _Partial(functools.partial[Any]):
    """A `functools.partial` that equals another one with an equal function and equal arguments."""

    def _key(self) -> tuple[Any, ...]:
        leaves, treedef = jax.tree.flatten((self.args, self.keywords))
        return (self.func, treedef, tuple((type(leaf), leaf_key(leaf)) for leaf in leaves))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Partial) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        named = (f"{name}={spelled(value)}" for name, value in self.keywords.items())
        return f"partial({', '.join((spelled(self.func), *map(spelled, self.args), *named))})"


def by_value(function: Any) -> Any:
    """`function`; a `functools.partial`, which compares by identity, in a form that compares by content.

    >>> from functools import partial
    >>> partial(max, 1) == partial(max, 1), by_value(partial(max, 1)) == by_value(partial(max, 1))
    (False, True)
    """
    if type(function) is not functools.partial:
        return function
    applied = _Partial(function.func, *function.args, **function.keywords)
    try:
        hash(applied)
    except TypeError:  # for example for a tracer
        return function
    return applied

"""Matching trees leaf by leaf, with an error that names the first leaf at which they differ."""

from collections.abc import Collection
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import all_leaves

from gradtx.tree._leaves import MaskedNode, flatten, is_inexact, is_integer, is_placeholder
from gradtx.tree._mismatch import ADVICE, TreeMismatchError, leaf_mismatch, paths, structure_mismatch, where


class Matched(NamedTuple):
    """The leaves of the leading tree, and for each other tree the leaves at the same places."""

    leaves: list[Any]
    columns: list[list[Any]]
    treedef: Any


def match(updates: Any, *, same_shape: bool = True, optional: Collection[str] = (), **others: Any) -> Matched:
    """Matches `others` with `updates`, leaf by leaf.

    At the place of `None` or a `MaskedNode` in `updates`, the others may have anything, even a subtree. At
    any other place each has exactly one leaf, of the same shape unless `same_shape` is false. An integer
    update does not match a floating-point leaf, and a floating-point update matches neither a `MaskedNode`
    nor, with `same_shape`, an integer.

    Args:
      updates: the leading tree.
      same_shape: whether leaves at one place must have the same shape.
      optional: the names of trees that may have a `MaskedNode` at the place of any update.
      **others: the other trees, under the names that errors use.

    Raises:
      TreeMismatchError: with the path of the first leaf that differs, that leaf and the expected one.
    """
    leaves, treedef = flatten(updates)
    columns = []
    for name, other in others.items():
        try:
            column = treedef.flatten_up_to(other)
        except (ValueError, TypeError, KeyError):
            raise structure_mismatch(updates, other, name) from None
        pairs = list(zip(leaves, column, strict=True))
        fits = [_fits(update, beside, same_shape, name in optional) for update, beside in pairs]
        if not all(fits):
            update, beside = pairs[fits.index(False)]
            path = list(paths(updates))[fits.index(False)]
            raise leaf_mismatch(updates, path, update, beside, name, other)
        columns.append(column)
    return Matched(leaves, columns, treedef)


def _fits(update: Any, other: Any, same_shape: bool, optional: bool) -> bool:
    """Whether `other` may stand at the place of `update`."""
    if isinstance(update, jax.Array) and isinstance(other, jax.Array) and update.dtype == other.dtype:
        return not same_shape or update.shape == other.shape  # nearly always, and decided fast
    if is_placeholder(update):
        return True
    if isinstance(other, MaskedNode):  # in a state, at the place of an integer parameter
        return optional or not is_inexact(update)
    if other is None or not (isinstance(other, jax.Array) or all_leaves([other])):
        return False
    integers_for_floats = is_integer(update) and is_inexact(other)
    floats_for_integers = same_shape and is_inexact(update) and is_integer(other)
    if integers_for_floats or floats_for_integers:
        return False
    return not same_shape or jnp.shape(update) == jnp.shape(other)


def at_leaf(updates: Any, position: int, error: TreeMismatchError) -> TreeMismatchError:
    """An error that a leaf function raises, with the path of the leaf at `position`."""
    path = list(paths(updates))[position]
    return TreeMismatchError(f"The updates do not match the state at {where(path)}: {error}.\n{ADVICE}")

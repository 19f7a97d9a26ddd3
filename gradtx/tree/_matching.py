"""Matching trees leaf by leaf, with an error that names the first leaf at which they differ."""

from collections.abc import Collection
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import all_leaves, keystr, tree_leaves_with_path

from gradtx.tree._leaves import MaskedNode, flatten, is_inexact, is_integer, is_placeholder


class TreeMismatchError(ValueError):
    """Two trees that must correspond leaf by leaf do not."""


class Matched(NamedTuple):
    """The leaves of the leading tree, and for each other tree the leaves at the same places."""

    leaves: list[Any]
    columns: list[list[Any]]
    treedef: Any


def match(updates: Any, *, same_shape: bool = True, optional: Collection[str] = (), **others: Any) -> Matched:
    """Matches `others` with `updates`, leaf by leaf.

    At the place of `None` or a `MaskedNode` in `updates`, the others may have anything, even a subtree. At
    any other place each has exactly one leaf, of the same shape unless `same_shape` is false. An integer
    update does not match a floating-point leaf, and a floating-point update does not match a `MaskedNode`.

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
            raise _structure_mismatch(updates, other, name) from None
        pairs = zip(leaves, column, strict=True)
        fits = [_fits(update, beside, same_shape, name in optional) for update, beside in pairs]
        if not all(fits):
            raise _leaf_mismatch(updates, leaves, column, name, fits.index(False))
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
    if is_integer(update) and is_inexact(other):
        return False
    return not same_shape or jnp.shape(update) == jnp.shape(other)


def _structure_mismatch(updates: Any, other: Any, name: str) -> TreeMismatchError:
    got = _paths(updates)
    nothing = [path for path, leaf in got.items() if is_placeholder(leaf)]
    expected = [
        path for path in _paths(other) if not any(path[: len(covered)] == covered for covered in nothing)
    ]
    missing = [path for path in expected if path not in got]
    surplus = [path for path in got if path not in expected and path not in nothing]
    if missing:
        where = f"the updates have nothing at {_spelled(missing[0])}, where {name} has a leaf"
    elif surplus:
        where = f"the updates have a leaf at {_spelled(surplus[0])}, where {name} has none"
    else:
        where = (
            f"the containers differ: the updates are {jax.tree.structure(updates)}, "
            f"{name} is {jax.tree.structure(other)}"
        )
    return TreeMismatchError(f"The updates and {name} differ in structure: {where}. {_ADVICE}")


def _leaf_mismatch(
    updates: Any, leaves: list[Any], column: list[Any], name: str, position: int
) -> TreeMismatchError:
    path = list(_paths(updates))[position]
    with_dtype = is_integer(leaves[position])
    got, expected = (_described(value, with_dtype) for value in (leaves[position], column[position]))
    return TreeMismatchError(
        f"The updates do not match {name} at {_spelled(path)}: got {got}, expected {expected}. {_ADVICE}"
    )


def at_leaf(updates: Any, position: int, error: TreeMismatchError) -> TreeMismatchError:
    """An error that a leaf function raises, with the path of the leaf at `position`."""
    path = list(_paths(updates))[position]
    return TreeMismatchError(f"The updates do not match the state at {_spelled(path)}: {error}. {_ADVICE}")


def _paths(tree: Any) -> dict[tuple[Any, ...], Any]:
    return dict(tree_leaves_with_path(tree, is_leaf=is_placeholder))


def _spelled(path: tuple[Any, ...]) -> str:
    return keystr(path) or "the root"


def _described(value: Any, with_dtype: bool) -> str:
    if is_placeholder(value):
        return f"nothing ({value})"
    if not all_leaves([value]):
        return f"a subtree {jax.tree.structure(value)}"
    return (
        f"{jnp.result_type(value).name} of shape {jnp.shape(value)}"
        if with_dtype
        else f"shape {jnp.shape(value)}"
    )


_ADVICE = "Pass gradients of the parameters that `init` was given: the same containers, the same shapes."

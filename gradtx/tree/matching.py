"""Laying trees leaf by leaf beside each other, with an error that names the leaf where they differ."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import keystr, tree_leaves_with_path

from gradtx.tree.leaves import is_placeholder


class TreeMismatchError(ValueError):
    """Two trees that must correspond leaf by leaf do not."""


class Matched(NamedTuple):
    """The leaves of the leading tree, and beside each what stands there in the other trees."""

    leaves: list[Any]
    columns: list[list[Any]]
    treedef: Any


def match(updates: Any, *, same_shape: bool = True, **others: Any) -> Matched:
    """Lays `others` beside `updates`.

    Where `updates` has `None` or a `MaskedNode`, anything may stand in the others, a whole subtree
    too. Elsewhere each has exactly one leaf, and of the same shape unless `same_shape` is false. The
    keywords name the trees in errors.

    Raises:
      TreeMismatchError: naming the first leaf that differs, what came and what was expected.
    """
    leaves, treedef = jax.tree.flatten(updates, is_leaf=is_placeholder)
    columns = []
    for name, other in others.items():
        try:
            column = treedef.flatten_up_to(other)
        except (ValueError, TypeError, KeyError):
            raise _structure_mismatch(updates, other, name) from None
        if not all(map(_fits if same_shape else _is_leaf, leaves, column)):
            raise _leaf_mismatch(updates, leaves, column, name, same_shape)
        columns.append(column)
    return Matched(leaves, columns, treedef)


def _fits(update: Any, other: Any) -> bool:
    if is_placeholder(update):
        return True
    if isinstance(other, jax.Array):
        return jnp.shape(update) == other.shape
    return _is_leaf(update, other) and (is_placeholder(other) or jnp.shape(update) == jnp.shape(other))


def _is_leaf(update: Any, other: Any) -> bool:
    # A MaskedNode in the state is an integer parameter's place, which a rule leaves alone; None is nothing.
    return is_placeholder(update) or (
        other is not None and (is_placeholder(other) or jax.tree_util.all_leaves([other]))
    )


def _structure_mismatch(updates: Any, other: Any, name: str) -> TreeMismatchError:
    got = _paths(updates)
    placeholders = [path for path, leaf in got.items() if is_placeholder(leaf)]
    expected = {
        path: leaf
        for path, leaf in _paths(other).items()
        if not any(path.startswith(placeholder) for placeholder in placeholders)
    }
    missing = [path for path in expected if path not in got]
    surplus = [path for path, leaf in got.items() if path not in expected and not is_placeholder(leaf)]
    if missing:
        where = f"the updates have nothing at {_spell(missing[0])}, where {name} has a leaf"
    elif surplus:
        where = f"the updates have a leaf at {_spell(surplus[0])}, where {name} has none"
    else:
        where = (
            f"the containers differ: the updates are {jax.tree.structure(updates)}, "
            f"{name} is {jax.tree.structure(other)}"
        )
    return TreeMismatchError(f"The updates and {name} differ in structure: {where}. {_ADVICE}")


def _leaf_mismatch(
    updates: Any, leaves: list[Any], column: list[Any], name: str, same_shape: bool
) -> TreeMismatchError:
    fits = _fits if same_shape else _is_leaf
    position = [fits(*pair) for pair in zip(leaves, column, strict=True)].index(False)
    path = list(_paths(updates))[position]
    return TreeMismatchError(
        f"The updates do not match {name} at {_spell(path)}: got {_describe(leaves[position])}, "
        f"expected {_describe(column[position])}. {_ADVICE}"
    )


def _paths(tree: Any) -> dict[str, Any]:
    return {keystr(path): leaf for path, leaf in tree_leaves_with_path(tree, is_leaf=is_placeholder)}


def _spell(path: str) -> str:
    return path or "the root"


def _describe(value: Any) -> str:
    if value is None:
        return "nothing (None)"
    if not jax.tree_util.all_leaves([value]):
        return f"a subtree {jax.tree.structure(value)}"
    return f"shape {jnp.shape(value)}"


_ADVICE = "Pass gradients of the parameters that `init` was given: the same containers, the same shapes."

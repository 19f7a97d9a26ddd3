"""The words for two trees that do not correspond: the place, both sides, and the likely mistake."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import all_leaves, keystr, tree_leaves_with_path

from gradtx.tree._leaves import MaskedNode, is_function, is_inexact, is_integer, is_placeholder
from gradtx.tree._outline import outline
from gradtx.tree._search import Path, children_of

ADVICE = "Pass gradients of the parameters that `init` was given: the same containers, the same shapes."


class TreeMismatchError(ValueError):
    """Two trees that must correspond leaf by leaf do not."""


def paths(tree: Any) -> dict[Path, Any]:
    """The leaves of a tree with their paths; `None` and `MaskedNode` are leaves."""
    return dict(tree_leaves_with_path(tree, is_leaf=is_placeholder))


def where(path: Path) -> str:
    """A path as text."""
    return keystr(path) or "the root"


def structure_mismatch(updates: Any, other: Any, name: str) -> TreeMismatchError:
    """The error for two trees with different leaves or containers."""
    got = paths(updates)
    nothing = [path for path, leaf in got.items() if is_placeholder(leaf)]
    expected = [
        path for path in paths(other) if not any(path[: len(covered)] == covered for covered in nothing)
    ]
    missing = [path for path in expected if path not in got]
    surplus = [path for path in got if path not in set(expected) and path not in nothing]
    lines = [f"The updates and {name} differ in structure."]
    if missing:
        lines.append(f"  The updates have nothing at {_first(missing)}, where {name} has a leaf.")
    if surplus:
        lines.append(f"  The updates have a leaf at {_first(surplus)}, where {name} has none.")
    if len(missing) == len(surplus) == 1:
        lines.append(f"  Is {where(surplus[0])} another name for {where(missing[0])}?")
    if not (missing or surplus):
        lines.append(f"  {_containers(updates, other, name)}.")
    return TreeMismatchError("\n".join([*lines, next(_mistakes(updates, other), ADVICE)]))


def leaf_mismatch(
    updates: Any, path: Path, update: Any, other: Any, name: str, whole: Any
) -> TreeMismatchError:
    """The error for an update that does not fit what stands at its place in the tree `whole`."""
    with_dtype = is_integer(update) or is_integer(other)
    got, expected = _described(update, with_dtype), _described(other, with_dtype)
    advice = next(chain(_mistakes(updates, whole), _mistakes_in_leaf(update, other)), ADVICE)
    return TreeMismatchError(
        f"The updates do not match {name} at {where(path)}: got {got}, expected {expected}.\n{advice}"
    )


def _mistakes(updates: Any, other: Any) -> Iterator[str]:
    """The objects that were probably passed as the updates for the tree `other`, with remedies."""
    if is_function(updates):
        yield f"This is {outline(updates)}: call it, as in jax.grad(loss)(params)."
    elif not all_leaves([other]) and all_leaves([updates]) and jnp.ndim(updates) == 0:
        yield "One number is a loss: pass the second result of jax.value_and_grad(loss)(params)."
    if _is_pair(updates) and _corresponds(updates[1], other):
        yield (
            "The second entry fits. Is this (loss, gradients) of jax.value_and_grad? Unpack it, as in value, "
            "gradients = jax.value_and_grad(loss)(params)."
        )
    if _is_pair(updates) and _corresponds(updates[0], other):
        yield (
            "The first entry fits. Is this (gradients, aux) of jax.grad(..., has_aux=True)? Unpack it, as in "
            "gradients, aux = jax.grad(loss, has_aux=True)(params)."
        )
    if _has_named_tuple(updates) != _has_named_tuple(other):
        yield "One of the two is an optimizer state. The order is update(gradients, state, params)."


def _mistakes_in_leaf(update: Any, other: Any) -> Iterator[str]:
    """The likely mistakes where one leaf does not fit, with remedies."""
    lacking = isinstance(other, MaskedNode)
    if is_inexact(update) and lacking:
        yield (
            "The state has nothing here: the parameter at init was an integer, which no optimizer moves. "
            "Make it a float before init, as in p.astype(jnp.float32)."
        )
    if is_inexact(update) and is_integer(other):
        yield (
            "The parameter is an integer, which no optimizer moves. Make it a float before init, as in "
            "p.astype(jnp.float32)."
        )
    if is_integer(update) and is_inexact(other):
        yield "Gradients are floats. Are these integers the labels, or another batch of data?"
    if not is_placeholder(other) and all_leaves([update]) and all_leaves([other]):
        yield from _mistakes_in_shape(jnp.shape(update), jnp.shape(other))


def _mistakes_in_shape(got: tuple[int, ...], expected: tuple[int, ...]) -> Iterator[str]:
    if got and got[1:] == expected:
        yield (
            f"One more axis, of {got[0]}, is first. Are these the gradients of each example, or of each "
            "device? Take their mean over axis 0."
        )
    if got == expected[::-1] and got != expected:
        yield "The axes are reversed: transpose the gradient."


def _first(found: list[Path]) -> str:
    others = len(found) - 1
    return where(found[0]) + (f" and at {others} other place{'s' * (others > 1)}" if others else "")


def _containers(updates: Any, other: Any, name: str, path: Path = ()) -> str:
    """The first place at which two trees with leaves at the same paths have different containers."""
    left, right = children_of(updates), children_of(other)
    if left[1] == right[1]:
        for (entry, one), (_, two) in zip(left[0], right[0], strict=True):
            if jax.tree.structure(one) != jax.tree.structure(two):
                return _containers(one, two, name, (*path, *entry))
    got, expected = outline(updates), outline(other)
    if got == expected:
        got, expected = "one", f"another, with other metadata: {type(other).__name__}"
    return f"The containers differ at {where(path)}: the updates have {got}, {name} has {expected}"


def _is_pair(tree: Any) -> bool:
    return type(tree) in (tuple, list) and len(tree) == 2


def _corresponds(tree: Any, other: Any) -> bool:
    """Whether two trees have one structure and the same shapes."""
    if jax.tree.structure(tree) != jax.tree.structure(other):
        return False
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True)
    return all(jnp.shape(one) == jnp.shape(two) for one, two in pairs)


def _has_named_tuple(tree: Any) -> bool:
    def is_named(node: Any) -> bool:
        return isinstance(node, tuple) and hasattr(node, "_fields") and not is_placeholder(node)

    return any(map(is_named, jax.tree.leaves(tree, is_leaf=is_named)))


def _described(value: Any, with_dtype: bool) -> str:
    if is_placeholder(value):
        return f"nothing ({value})"
    if not all_leaves([value]):
        return f"a subtree, {outline(value)}"
    if not hasattr(value, "dtype") and not isinstance(value, int | float | complex):
        return outline(value)
    return (
        f"{jnp.result_type(value).name} of shape {jnp.shape(value)}"
        if with_dtype
        else f"shape {jnp.shape(value)}"
    )

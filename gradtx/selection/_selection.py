"""The one way to choose leaves: labels, laid over trees, with one set of errors."""

from collections.abc import Callable, Hashable
from inspect import isfunction
from typing import Any

import jax
import numpy as np
from jax.tree_util import keystr, tree_leaves_with_path

from gradtx.selection._paths import label_at, names_of
from gradtx.tree import (
    ARRAYS_AND_NUMBERS,
    Frozen,
    MaskedNode,
    abstract,
    flatten,
    is_inexact,
    is_placeholder,
    listed,
    nearest,
    outline,
)

Labels = Any
"""A tree of labels, or a prefix of one, or a function from parameters to it."""


class Selection:
    """The label of each leaf, in any tree that corresponds to the parameters.

    Masks are labels `True` and `False`; groups and dimension numbers are other labels. A label stands for all
    leaves below its place. Places are compared by their names, so that a tuple serves where the parameters
    have a list. A leaf that is not differentiable, such as `None`, an integer or a function in a model, may
    have no label.

    Args:
      labels: a frozen tree, or a prefix of one, or a function from parameters to it, which sees shapes
        and dtypes, never values.
      valid: whether a label is one of those allowed. A boolean is not 0 or 1.
      params: the parameters, or the updates where the labels depend on paths alone.
      name: the name of the labels in errors, as in `"masked: mask"`.
      allowed: the labels allowed, in words, for errors.

    Raises:
      ValueError: where a leaf has no label or one that is not allowed, or where a label stands at a place
        that the parameters do not have. The message names the labels and the leaf.
    """

    def __init__(
        self,
        labels: Callable[[Any], Any] | Frozen | Hashable,
        params: Any,
        *,
        valid: Callable[[Any], bool],
        name: str,
        allowed: str,
    ):
        tree = labels.tree if isinstance(labels, Frozen) else labels
        if callable(labels) and not isinstance(labels, Frozen):
            tree = _called(labels, params, name)
        placed = tree_leaves_with_path(tree, is_leaf=is_placeholder)
        self._labels = {names_of(path): _python(label) for path, label in placed}
        self._spelled = {names_of(path): keystr(path) or "the root" for path, _ in placed}
        self._valid, self._name, self._allowed = valid, name, allowed
        self._laid: dict[Any, Any] = {}
        self._refuse_unknown_places(params)

    def over(self, tree: Any) -> Any:
        """The label of each leaf of `tree`, in its place, and `None` where there is no array."""
        leaves, structure = flatten(tree)
        key = structure, tuple(map(_is_array, leaves)), tuple(map(_is_differentiable, leaves))
        if key not in self._laid:
            places = tree_leaves_with_path(tree, is_leaf=is_placeholder)
            self._laid[key] = structure.unflatten([self._at(path, leaf) for path, leaf in places])
        return self._laid[key]

    def only(self, tree: Any, label: Hashable) -> Any:
        """`tree` with a `MaskedNode` in the place of each array with another label."""

        def own(leaf: Any, at: Any) -> Any:
            return leaf if at == label or not _is_array(leaf) else MaskedNode()

        return jax.tree.map(own, tree, self.over(tree), is_leaf=is_placeholder)

    def merged(self, tree: Any, changed: Any, label: Hashable) -> Any:
        """`tree` with the leaves that have this label from `changed`."""

        def choose(at: Any, old: Any, new: Any) -> Any:
            return new if at == label else old

        return jax.tree.map(choose, self.over(tree), tree, changed, is_leaf=is_placeholder)

    def _at(self, path: tuple[Any, ...], leaf: Any) -> Any:
        label = label_at(self._labels, names_of(path))
        where = keystr(path) or "the root"
        if not _is_array(leaf) or (is_placeholder(label) and not _is_differentiable(leaf)):
            return None
        if is_placeholder(label):
            raise ValueError(f"{self._name} has nothing for the leaf at {where}; give it {self._allowed}.")
        if not self._valid(label):
            raise ValueError(
                f"{self._name} has {label!r} for the leaf at {where}; it must be {self._allowed}."
            )
        return label

    def _refuse_unknown_places(self, params: Any) -> None:
        leaves = tree_leaves_with_path(params, is_leaf=is_placeholder)
        above: set[tuple[str, ...]] = {()}
        for path, _ in leaves:
            names = names_of(path)
            above.update(names[:length] for length in range(len(names) + 1))
        empty = {names_of(path) for path, leaf in leaves if not _is_array(leaf)}
        for place in self._labels:
            if place in above or any(place[:length] in empty for length in range(len(place))):
                continue
            if not is_placeholder(self._labels[place]):
                raise ValueError(
                    f"{self._name} has an entry at {self._spelled[place]}, where the parameters have nothing."
                    f"{self._nearest(place, leaves)}"
                )

    def _nearest(self, place: tuple[str, ...], leaves: Any) -> str:
        there = {"/".join(names_of(path)): keystr(path) for path, _ in leaves}
        near = nearest("/".join(place), there, most=1)
        return f"\nIs it {there[near[0]]}?" if near else f"\nThey have {listed(there.values(), most=3)}."


def _called(labels: Callable[[Any], Any], params: Any, name: str) -> Any:
    """`labels(params)`, with its name on an error of a user's function."""
    try:
        return labels(abstract(params))
    except Exception as error:
        if isfunction(labels):
            error.add_note(f"It comes from {outline(labels)}, which is {name}.")
        raise


def _python(label: Any) -> Any:
    return bool(label) if isinstance(label, np.bool_) else label


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, (*ARRAYS_AND_NUMBERS, jax.ShapeDtypeStruct))


def _is_differentiable(leaf: Any) -> bool:
    return _is_array(leaf) and is_inexact(leaf)

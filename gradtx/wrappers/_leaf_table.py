"""The table of parameter groups: each leaf, its group, and the masks that select it."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import tree_leaves_with_path

from gradtx.core import GradientTransformation, Params, Table, all_in, as_transformation, lint, walk_with
from gradtx.selection import path_name, words_of
from gradtx.tree import is_placeholder


def leaf_table(tx: Any, params: Params) -> Table:
    """A table of the leaves of `params`: path, shape, dtype, group, and the masks that select each.

    There is a column for each `partition` in the optimizer, with the label of the group, and one for each
    mask, under the name of the masked transformation. The words by which the ready masks know a leaf follow,
    if one of these masks is in use, and the findings of `lint`, for example a group without a leaf. The table
    is a value: it prints, a notebook shows it as a table, and `rows` has its cells.

    Args:
      tx: the optimizer.
      params: the parameters, or their shapes and dtypes (`jax.ShapeDtypeStruct`): nothing is allocated.

    Raises:
      ValueError: for a leaf without a label, or with one that has no transformation, naming both.

    >>> import jax
    >>> from gradtx import adamw, by_path, partition, sgd
    >>> decays = by_path({"bias": False, "kernel": True})
    >>> tx = partition(
    ...     {"slow": sgd(0.01), "fast": adamw(0.1, mask=decays)}, by_path({"embed": "slow", ".*": "fast"})
    ... )
    >>> shape = lambda *axes: jax.ShapeDtypeStruct(axes, "float32")
    >>> leaf_table(tx, {"embed": shape(9, 4), "head": {"bias": shape(9), "kernel": shape(4, 9)}})
    leaf         shape   dtype    group   add_decayed_weights
    embed        (9, 4)  float32  'slow'  -
    head/bias    (9,)    float32  'fast'  -
    head/kernel  (4, 9)  float32  'fast'  yes
    """
    tx = as_transformation(tx)
    columns = list(_columns(tx, params))
    rows: list[tuple[str, ...]] = []
    for index, (path, leaf) in enumerate(tree_leaves_with_path(params, is_leaf=is_placeholder)):
        if not is_placeholder(leaf):
            shape, dtype = str(jnp.shape(leaf)), jnp.result_type(leaf).name
            rows.append((path_name(path), shape, dtype, *(cells[index] for _, cells in columns)))
    titles = ("leaf", "shape", "dtype", *(title for title, _ in columns))
    return Table(titles, rows, below=(_words(tx), lint(tx, params)))


def _columns(tx: GradientTransformation, params: Params) -> Iterator[tuple[str, list[str]]]:
    """A title and a cell for each leaf, for every partition and every mask in `tx`."""
    for _, part, own in walk_with(tx, params):
        for title, labels in part.selections(own):
            yield title, _cells(own, labels)


def _cells(params: Params, labels: Any) -> list[str]:
    leaves = jax.tree.leaves(params, is_leaf=is_placeholder)
    there = jax.tree.leaves(labels, is_leaf=is_placeholder)
    return [
        "-" if is_placeholder(leaf) or label is False else "yes" if label is True else str(label)
        for leaf, label in zip(leaves, there, strict=True)
    ]


def _words(tx: GradientTransformation) -> Table | None:
    """The words of those masks and labels in `tx` that go by words."""
    found: dict[str, frozenset[str]] = {}
    for part in all_in(tx):
        for value in part.__dict__.values():
            found |= words_of(value)
    rows = [(kind, ", ".join(sorted(words))) for kind, words in found.items()]
    return Table(("kind of name", "words"), rows) if rows else None

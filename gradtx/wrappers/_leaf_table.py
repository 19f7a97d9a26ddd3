"""The table of parameter groups: each leaf, its group, and the masks that select it."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import tree_leaves_with_path

from gradtx.core import GradientTransformation, Params, as_transformation, table
from gradtx.selection import Selection, mask_selection, path_name
from gradtx.tree import is_placeholder
from gradtx.wrappers._masked import masked
from gradtx.wrappers._partition import partition


def leaf_table(tx: Any, params: Params) -> str:
    """A table of the leaves of `params`: path, shape, dtype, group, and the masks that select each.

    There is a column for each `partition` in the optimizer, with the label of the group, and one for each
    mask, under the name of the masked transformation. Warnings follow the table, for example of a group
    without a leaf.

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
    >>> print(leaf_table(tx, {"embed": shape(9, 4), "head": {"bias": shape(9), "kernel": shape(4, 9)}}))
    leaf         shape   dtype    group   add_decayed_weights
    embed        (9, 4)  float32  'slow'  -
    head/bias    (9,)    float32  'fast'  -
    head/kernel  (4, 9)  float32  'fast'  yes
    """
    tx = as_transformation(tx)
    columns = list(_columns(tx, params))
    rows = [("leaf", "shape", "dtype", *(title for title, _ in columns))]
    for index, (path, leaf) in enumerate(tree_leaves_with_path(params, is_leaf=is_placeholder)):
        if not is_placeholder(leaf):
            shape, dtype = str(jnp.shape(leaf)), jnp.result_type(leaf).name
            rows.append((path_name(path), shape, dtype, *(cells[index] for _, cells in columns)))
    return "\n".join([table(rows), *tx.warnings(params)])


def _columns(tx: GradientTransformation, params: Params) -> Iterator[tuple[str, list[str]]]:
    """A title and a cell for each leaf, for every partition and every mask in `tx`."""
    inner: list[tuple[GradientTransformation, Params]] = [(part, params) for part in tx.nested]
    if isinstance(tx, partition):
        selection: Selection = tx.groups(params)
        yield "group", _cells(params, selection, repr)
        groups = zip(tx.transformations, tx.labels, strict=True)
        inner = [(part, selection.only(params, label)) for part, label in groups]
    elif tx.__dict__.get("mask") is not None:
        selection = mask_selection(tx.__dict__["mask"], params)
        own = tx.inner if isinstance(tx, masked) else tx
        yield type(own).__name__, _cells(params, selection, lambda selected: "yes" if selected else "-")
        inner = [(part, selection.only(params, True)) for part in tx.nested]
    for part, own in inner:
        yield from _columns(part, own)


def _cells(params: Params, selection: Selection, spelled: Callable[[Any], str]) -> list[str]:
    leaves = jax.tree.leaves(params, is_leaf=is_placeholder)
    labels = jax.tree.leaves(selection.over(params), is_leaf=is_placeholder)
    return [
        "-" if is_placeholder(leaf) else spelled(label) for leaf, label in zip(leaves, labels, strict=True)
    ]

"""Masks: the leaves to which a transformation applies."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.tree_util import keystr, tree_leaves_with_path

from gradtx.selection._selection import Selection
from gradtx.tree import Frozen, is_function

Mask = Any
"""A tree of booleans, or a prefix of one, or a function from parameters to it; true means *applies*."""

MaskOrFn = Mask


def as_mask(mask: Mask) -> Callable[[Any], Any] | Frozen | None:
    """A mask in a form that can be hashed: `None`, a function, or a frozen tree of booleans.

    Raises:
      TypeError: where a leaf of the tree is no boolean, naming it.
    """
    if mask is None or isinstance(mask, Frozen) or is_function(mask):
        return mask
    tree = _with_python_booleans(mask)
    for path, leaf in tree_leaves_with_path(tree):
        if not isinstance(leaf, bool):
            where = keystr(path) or "the root"
            raise TypeError(
                f"A mask has {leaf!r} for the leaf at {where}; it must be True or False: a mask is a tree of "
                "booleans, a function that returns one, or `by_path({pattern: bool})`."
            )
    return Frozen(tree)


def mask_selection(mask: Callable[[Any], Any] | Frozen | None, params: Any, name: str = "mask") -> Selection:
    """The mask as labels `True` and `False` of the leaves of `params`; `None` selects everything.

    A function sees the shapes and dtypes of the parameters, never their values and never the updates,
    so that it gives at every step the answer that it gave at `init`.
    """
    labels: Any = Frozen(True) if mask is None else mask
    return Selection(
        labels,
        params,
        valid=lambda label: isinstance(label, bool),
        name=name,
        allowed="True or False",
    )


def mask_at(mask: Callable[[Any], Any] | Frozen | None, updates: Any, params: Any, name: str) -> Any:
    """The mask as an option of a `Rule`: whether it selects each leaf; `None` where it selects all."""
    tree = updates if params is None else params
    return None if mask is None else mask_selection(mask, tree, name).over(tree)


MASK_FIELD: dict[str, Any] = {"convert": as_mask, "at": mask_at, "selects": True}
"""The options of `static` for a mask of a `Rule`, whose `leaf` sees whether its own leaf is selected."""


def _with_python_booleans(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: bool(leaf) if isinstance(leaf, np.bool_) else leaf, tree)

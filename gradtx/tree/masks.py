"""Masks: which leaves a transformation applies to."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gradtx.tree.frozen import Frozen
from gradtx.tree.leaves import abstract, is_placeholder

Mask = Any
"""A tree of booleans, or a prefix of one, or a function from parameters to it; true means *applies*."""


def as_mask(mask: Mask) -> Callable[[Any], Any] | Frozen | None:
    """A mask in a form that can be hashed: `None`, a function, or a frozen tree of booleans.

    Raises:
      TypeError: when a leaf of the tree is no boolean.
    """
    if mask is None or isinstance(mask, Frozen):
        return mask
    # A model of booleans can be called as well: what holds nothing but booleans is a tree of them.
    leaves = jax.tree.leaves(mask)
    is_tree = not callable(mask) or (leaves and all(isinstance(leaf, bool | np.bool_) for leaf in leaves))
    return Frozen(_booleans(mask)) if is_tree else mask


def resolve_mask(mask: Callable[[Any], Any] | Frozen | None, params: Any) -> Any:
    """The mask as a tree of booleans over `params`; `None` where it selects everything.

    A function sees the shapes and dtypes of the parameters, never their values and never the updates,
    so that it gives at every step the answer that it gave at `init`.

    Raises:
      ValueError: when the mask is no prefix of `params`.
    """
    if mask is None:
        return None
    tree = mask.tree if isinstance(mask, Frozen) else _booleans(mask(abstract(params)))
    try:
        return jax.tree.map(
            lambda selected, part: jax.tree.map(lambda _: selected, part, is_leaf=is_placeholder),
            tree,
            params,
            is_leaf=is_placeholder,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"The mask does not fit the parameters: {error}") from None


def _booleans(tree: Any) -> Any:
    return jax.tree.map(_boolean, tree)


def _boolean(leaf: Any) -> bool:
    if isinstance(leaf, bool | np.bool_):
        return bool(leaf)
    raise TypeError(
        f"A mask is a tree of booleans, a function that returns one, or `by_path({{pattern: bool}})`; "
        f"it holds {leaf!r}."
    )

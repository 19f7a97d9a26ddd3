"""Dimension numbers: the input axes and the output axes of each leaf."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import keystr, tree_map_with_path

from gradtx.arithmetic import LAST_TWO, MATRICES, MuonDimensionNumbers, axes_of, check_axes
from gradtx.selection._selection import Selection
from gradtx.tree import Frozen, is_function, is_inexact, is_placeholder

DimensionNumbers = Any
"""Names of axes, or `MuonDimensionNumbers`, or a tree of them or a prefix of one, or a function to a tree."""


def as_dimension_numbers(spec: DimensionNumbers, default: str = MATRICES) -> Any:
    """Dimension numbers in a form that can be hashed; a tree of them is frozen, and `None` is `default`.

    Raises:
      ValueError: for names of axes that have no `in` or no `out`.
      TypeError: for values that are neither names nor numbers.
    """
    if spec is None:
        return default
    if isinstance(spec, Frozen) or is_function(spec):
        return spec
    for leaf in jax.tree.leaves(spec):
        check_axes(leaf)
    return spec if isinstance(spec, str | MuonDimensionNumbers) else Frozen(spec)


def dimension_numbers(spec: Any, tree: Any, name: str = "weight_dimension_numbers") -> Any:
    """The dimension numbers of each differentiable leaf, and `False` in the place of any other.

    A leaf with the label `False` counts as one of the others.

    Raises:
      ValueError: for a leaf that is no matrix by its dimension numbers, naming it.
    """
    selection = Selection(
        spec, tree, valid=lambda label: True, name=name, allowed=f"names of its axes, as in {LAST_TWO!r}"
    )

    def checked(path: tuple[Any, ...], leaf: Any, own: Any) -> Any:
        if own is None or own is False or not is_inexact(leaf):
            return False
        try:
            check_axes(own)
            axes_of(own, jnp.ndim(leaf))
        except (ValueError, TypeError) as problem:
            raise ValueError(
                f"The leaf at {keystr(path) or 'the root'}, of shape {jnp.shape(leaf)}, is no matrix: "
                f"{problem}. Leave it out with masked(...), give it to another optimizer with partition(...) "
                "as muon(...) does, or name its axes in weight_dimension_numbers."
            ) from None
        return own

    return tree_map_with_path(checked, tree, selection.over(tree), is_leaf=is_placeholder)


def dimension_numbers_at(spec: Any, updates: Any, params: Any, name: str) -> Any:
    """The dimension numbers as an option of a `Rule`: those of each leaf."""
    return dimension_numbers(spec, updates, name)


AXES_FIELD: dict[str, Any] = {"convert": as_dimension_numbers, "at": dimension_numbers_at}
"""The options of `static` for dimension numbers of a `Rule`, whose `leaf` sees those of its own leaf."""

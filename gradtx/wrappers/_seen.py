"""Extra arguments as a nested transformation sees them that has trees of another structure."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
from jax.tree_util import Partial

from gradtx.core import Params, Updates
from gradtx.tree import is_function, is_placeholder

View = Callable[[Any], Any]
"""A function from a tree to another structure, or back."""


def seen(value: Any, updates: Updates, params: Params, inward: View, outward: View) -> Any:
    """An extra argument in the structure that a nested transformation sees.

    Args:
      value: the argument. A tree of the structure of the updates is converted. A function becomes one of the
        converted parameters. Others stay.
      updates: the updates that come in.
      params: the parameters, or `None`.
      inward: the conversion of a tree.
      outward: the inverse, for parameters.
    """
    if _corresponds(value, updates):
        return inward(value)
    if params is not None and (is_function(value) or isinstance(value, Partial)):
        return _of_converted(value, params, inward, outward)
    return value


def _of_converted(function: Callable[..., Any], params: Params, inward: View, outward: View) -> Any:
    """A function of the parameters as one of the converted parameters."""

    @wraps(function)
    def of_converted(own: Any, *args: Any, **kwargs: Any) -> Any:
        if _structure(own) != _structure(inward(params)):
            return function(own, *args, **kwargs)
        result = function(outward(own), *args, **kwargs)
        return inward(result) if _corresponds(result, params) else result

    return of_converted


def _structure(tree: Any) -> Any:
    return jax.tree.structure(tree, is_leaf=is_placeholder)


def _corresponds(tree: Any, updates: Any) -> bool:
    """Whether `tree` has the structure of the updates; a lone array never corresponds."""
    structure = _structure(updates)
    return not jax.tree_util.treedef_is_leaf(structure) and _structure(tree) == structure

"""Parameters in bfloat16, and the steps between them."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.tree_util import keystr, tree_flatten_with_path

from gradtx.core import Params
from gradtx.tree import is_placeholder


def is_bfloat16(leaf: Any) -> bool:
    """Whether a leaf is an array in bfloat16."""
    return getattr(leaf, "dtype", None) == jnp.bfloat16


def at_bfloat16(params: Params, f: Callable[[Any], Any], otherwise: Callable[[Any], Any]) -> Any:
    """`f` of each leaf in bfloat16, and `otherwise` of the others.

    Raises:
      TypeError: for a leaf in float16.
    """
    leaves, treedef = tree_flatten_with_path(params, is_leaf=is_placeholder)
    for path, leaf in leaves:
        if getattr(leaf, "dtype", None) == jnp.float16:
            raise TypeError(
                f"The parameter at {keystr(path) or 'the root'} is float16, whose exponents differ from "
                "those of float32: train it in bfloat16 or float32."
            )
    return treedef.unflatten([f(leaf) if is_bfloat16(leaf) else otherwise(leaf) for _, leaf in leaves])


def step_to(goal: Array, param: Array) -> tuple[Array, Array]:
    """The step in float32 from one number in bfloat16 to another, and the number at which it lands."""
    wide = param.astype(jnp.float32)
    step = goal.astype(jnp.float32) - wide
    return step, (wide + step).astype(jnp.bfloat16)

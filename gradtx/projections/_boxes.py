"""Projections of each element by itself."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from gradtx import tree as trees


def projection_non_negative(tree: Any) -> Any:
    r"""The nearest tree without an element below 0, $\max(x, 0)$.

    Args:
      tree: a tree of real arrays.

    >>> projection_non_negative(jnp.array([-1.0, 2.0]))
    Array([0., 2.], dtype=float32)
    """
    return trees.clip(tree, 0)


def projection_box(tree: Any, lower: Any, upper: Any) -> Any:
    r"""The nearest tree between two bounds, $\min(\max(x, l), u)$.

    Args:
      tree: a tree of real arrays.
      lower: the lower bound $l$: a number, or a tree of the same structure.
      upper: the upper bound $u$, in the same way; it wins over a lower bound above it.

    >>> projection_box(jnp.array([-1.0, 0.5, 2.0]), 0.0, 1.0)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    low, high = (_for_each(bound, tree) for bound in (lower, upper))
    return jax.tree.map(trees.clip, tree, low, high)


def projection_hypercube(tree: Any, scale: ArrayLike = 1) -> Any:
    r"""The nearest tree between 0 and `scale`.

    Args:
      tree: a tree of real arrays.
      scale: the length of the edges of the cube.

    >>> projection_hypercube(jnp.array([-1.0, 0.5, 2.0]))
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return projection_box(tree, 0, scale)


def projection_linf_ball(tree: Any, scale: ArrayLike = 1) -> Any:
    r"""The nearest tree whose elements have a magnitude of at most `scale`.

    Args:
      tree: a tree of real arrays.
      scale: the radius of the ball.

    >>> projection_linf_ball(jnp.array([-3.0, 0.5, 2.0]))
    Array([-1. ,  0.5,  1. ], dtype=float32)
    """
    return projection_box(tree, -jnp.asarray(scale), scale)


def _for_each(bound: Any, tree: Any) -> Any:
    """`bound` as a tree: a number holds for every leaf."""
    is_number = jax.tree_util.treedef_is_leaf(jax.tree.structure(bound)) and jnp.ndim(bound) == 0
    return jax.tree.map(lambda leaf: bound, tree) if is_number else bound

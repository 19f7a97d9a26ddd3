"""Arithmetic of whole trees, leaf by leaf."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.tree._leaves import is_inexact, widened
from gradtx.tree._matching import match


def leaf_by_leaf(function: Callable[..., Any], first: Any, /, **others: Any) -> Any:
    """`function` of the leaves at each place, in float32 or wider, rounded to the dtype of all of them.

    `None` and a `MaskedNode` stay as they are. Integers are computed as such.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.
    """
    match(first, same_shape=False, optional=tuple(others), **others)
    return jax.tree.map(lambda *leaves: in_float32(function, *leaves), first, *others.values())


def in_float32(function: Callable[..., Any], *leaves: Any) -> Array:
    """`function` of arrays in float32 or wider, rounded to the dtype to which they promote."""
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.result_type(*leaves)
        if not jnp.issubdtype(dtype, jnp.inexact):
            return function(*map(jnp.asarray, leaves))
        result = function(*(jnp.asarray(leaf).astype(widened(dtype)) for leaf in leaves))
    complex_to_real = jnp.isrealobj(result) and jnp.issubdtype(dtype, jnp.complexfloating)
    return result.astype(jnp.finfo(dtype).dtype if complex_to_real else dtype)


def add(tree_x: Any, tree_y: Any, *other_trees: Any) -> Any:
    r"""The sum of trees, $x + y + \dots$, added in float32 or wider.

    Args:
      tree_x: a tree of arrays.
      tree_y: a tree of the same structure.
      *other_trees: further ones.

    Returns:
      A tree of the same structure, whose leaves have the dtypes to which those of the arguments promote.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> add({"a": jnp.array(1.0)}, {"a": jnp.array(2.0)}, {"a": jnp.array(3.0)})
    {'a': Array(6., dtype=float32)}
    """
    others = {f"tree {number}": tree for number, tree in enumerate((tree_y, *other_trees), 2)}
    return leaf_by_leaf(lambda *leaves: reduce(jnp.add, leaves), tree_x, **others)


def sub(tree_x: Any, tree_y: Any) -> Any:
    r"""The difference of two trees, $x - y$.

    Args:
      tree_x: a tree of arrays.
      tree_y: a tree of the same structure.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> sub(jnp.array([3.0, 1.0]), jnp.array([1.0, 1.0]))
    Array([2., 0.], dtype=float32)
    """
    return leaf_by_leaf(jnp.subtract, tree_x, tree_y=tree_y)


def mul(tree_x: Any, tree_y: Any) -> Any:
    r"""The product of two trees, element by element, $x y$.

    Args:
      tree_x: a tree of arrays.
      tree_y: a tree of the same structure.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> mul(jnp.array([3.0, 1.0]), jnp.array([2.0, 4.0]))
    Array([6., 4.], dtype=float32)
    """
    return leaf_by_leaf(jnp.multiply, tree_x, tree_y=tree_y)


def div(tree_x: Any, tree_y: Any) -> Any:
    r"""The quotient of two trees, element by element, $x / y$.

    Args:
      tree_x: a tree of arrays.
      tree_y: a tree of the same structure.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> div(jnp.array([3.0, 1.0]), jnp.array([2.0, 4.0]))
    Array([1.5 , 0.25], dtype=float32)
    """
    return leaf_by_leaf(jnp.divide, tree_x, tree_y=tree_y)


def scale(scalar: ArrayLike, tree: Any) -> Any:
    r"""A tree times a number, $a x$, in the dtypes of the tree.

    Args:
      scalar: the number $a$, of any dtype, which does not change that of a leaf.
      tree: a tree $x$ of arrays.

    >>> scale(0.5, {"a": jnp.array([2.0, 4.0])})
    {'a': Array([1., 2.], dtype=float32)}
    """
    return leaf_by_leaf(lambda x: _number(scalar, x) * x, tree)


def add_scale(tree_x: Any, scalar: ArrayLike, tree_y: Any) -> Any:
    r"""A tree plus another one times a number, $x + a y$, rounded once.

    Args:
      tree_x: a tree $x$ of arrays.
      scalar: the number $a$, of any dtype, which does not change that of a leaf.
      tree_y: a tree $y$ of the same structure.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> add_scale(jnp.array([1.0, 1.0]), -0.5, jnp.array([2.0, 4.0]))
    Array([ 0., -1.], dtype=float32)
    """
    return leaf_by_leaf(lambda x, y: x + _number(scalar, y) * y, tree_x, tree_y=tree_y)


def conj(tree: Any) -> Any:
    """The complex conjugate of each leaf.

    Args:
      tree: a tree of arrays.

    >>> conj(jnp.array([1.0 + 2.0j]))
    Array([1.-2.j], dtype=complex64)
    """
    return jax.tree.map(jnp.conj, tree)


def real(tree: Any) -> Any:
    """The real part of each leaf.

    Args:
      tree: a tree of arrays.

    >>> real(jnp.array([1.0 + 2.0j]))
    Array([1.], dtype=float32)
    """
    return jax.tree.map(jnp.real, tree)


def clip(tree: Any, min_value: ArrayLike | None = None, max_value: ArrayLike | None = None) -> Any:
    """Each element between two bounds.

    Args:
      tree: a tree of arrays.
      min_value: the least value; `None`: no bound.
      max_value: the greatest value; `None`: no bound.

    >>> clip(jnp.array([-2.0, 0.5, 2.0]), -1.0, 1.0)
    Array([-1. ,  0.5,  1. ], dtype=float32)
    """

    def bounded(x: Any) -> Array:
        x = jnp.asarray(x)
        bounds = (None if bound is None else _number(bound, x) for bound in (min_value, max_value))
        return jnp.clip(x, *bounds)

    return jax.tree.map(bounded, tree)


def where(condition: ArrayLike, tree_x: Any, tree_y: Any) -> Any:
    """One tree where a condition holds, and another one elsewhere.

    Args:
      condition: one boolean, or an array that broadcasts with every leaf.
      tree_x: the tree where the condition holds.
      tree_y: the tree elsewhere, of the same structure.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> where(True, {"a": jnp.ones(1)}, {"a": jnp.zeros(1)})
    {'a': Array([1.], dtype=float32)}
    """
    match(tree_x, same_shape=False, optional=("tree_y",), tree_y=tree_y)
    with jax.numpy_dtype_promotion("standard"):
        return jax.tree.map(lambda x, y: jnp.where(jnp.asarray(condition), x, y), tree_x, tree_y)


def _number(scalar: ArrayLike, x: Array) -> Array:
    """`scalar` in the dtype of a leaf, and in a complex one where the scalar is complex."""
    kept = is_inexact(scalar) and jnp.iscomplexobj(scalar) and not jnp.iscomplexobj(x)
    if kept or not is_inexact(x):
        return jnp.asarray(scalar)
    return jnp.asarray(scalar).astype(x.dtype)

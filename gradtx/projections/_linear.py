"""Projections onto lines, hyperplanes and half-spaces."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx import tree as trees
from gradtx.arithmetic import quotient


def projection_vector(x: Any, a: Any) -> Any:
    r"""The nearest multiple of a tree.

    $$y = \frac{\langle a, x\rangle}{\lVert a\rVert^2}\, a$$

    Args:
      x: a tree of arrays.
      a: a tree of the same structure; if it is 0, so is the result.

    Raises:
      TreeMismatchError: for trees that differ, with the first place.

    >>> projection_vector(jnp.array([1.0, 2.0]), jnp.array([2.0, 0.0]))
    Array([1., 0.], dtype=float32)
    """
    unit, _ = _unit(a)
    return trees.cast_like(trees.scale(trees.vdot(unit, x), unit), x)


def projection_hyperplane(x: Any, a: Any, b: ArrayLike) -> Any:
    r"""The nearest tree of a hyperplane.

    $$y = x - \frac{\langle a, x\rangle - b}{\lVert a\rVert^2}\, a, \qquad \langle a, y\rangle = b$$

    Args:
      x: a tree of arrays.
      a: the normal of the plane, a tree of the same structure.
      b: the value of the inner product on the plane.

    Raises:
      TreeMismatchError: for trees that differ, with the first place.

    >>> projection_hyperplane(jnp.array([3.0, 1.0]), jnp.array([2.0, 0.0]), 2.0)
    Array([1., 1.], dtype=float32)
    """
    unit, excess = _excess(x, a, b)
    return trees.cast_like(trees.add_scale(x, -excess, unit), x)


def projection_halfspace(x: Any, a: Any, b: ArrayLike) -> Any:
    r"""The nearest tree of a half-space.

    $$y = x - \frac{\max(\langle a, x\rangle - b, 0)}{\lVert a\rVert^2}\, a, \qquad
      \langle a, y\rangle \le b$$

    Args:
      x: a tree of arrays.
      a: the normal of the boundary, which points outwards, a tree of the same structure.
      b: the largest value of the inner product.

    Raises:
      TreeMismatchError: for trees that differ, with the first place.

    >>> projection_halfspace(jnp.array([-3.0, 1.0]), jnp.array([1.0, 1.0]), 2.0)
    Array([-3.,  1.], dtype=float32)
    """
    unit, excess = _excess(x, a, b)
    return trees.cast_like(trees.add_scale(x, -jnp.maximum(excess, 0), unit), x)


def _excess(x: Any, a: Any, b: ArrayLike) -> tuple[Any, Array]:
    """The normal of length 1, and the distance of x beyond the plane along it."""
    unit, length = _unit(a)
    return unit, trees.vdot(unit, x) - quotient(jnp.asarray(b, length.dtype), length)


def _unit(a: Any) -> tuple[Any, Array]:
    """`a` of length 1, and its length: the square of a long or a short one has no place in float32."""
    length = trees.norm(a)
    wide = jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(trees.widened(jnp.result_type(leaf))), a)
    return jax.tree.map(lambda leaf: quotient(leaf, length.astype(leaf.real.dtype)), wide), length

"""Projections onto simplices, balls and spheres, of a tree as one vector."""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.arithmetic import norm, onto_simplex, quotient, shortening
from gradtx.projections._vectors import as_one_vector


def projection_simplex(tree: Any, scale: ArrayLike = 1) -> Any:
    r"""The nearest tree without an element below 0 and with the sum `scale`.

    $$y = \max(x - \tau, 0), \qquad \tau: \sum_i \max(x_i - \tau, 0) = s$$

    Args:
      tree: a tree of real arrays, taken as one vector $x$.
      scale: the sum $s$; 1 for distributions.

    Raises:
      TypeError: for a leaf that is not a real floating-point array.

    **Reference**: Duchi et al. (2008), *Efficient Projections onto the l1-Ball for Learning in High
    Dimensions*, figure 1.

    >>> projection_simplex({"a": jnp.array([0.75, -0.75]), "b": jnp.array(0.5)})
    {'a': Array([0.625, 0.   ], dtype=float32), 'b': Array(0.375, dtype=float32)}
    """
    x, as_tree = as_one_vector(tree)
    return as_tree(_simplex(x, scale))


def projection_l1_sphere(tree: Any, scale: ArrayLike = 1) -> Any:
    r"""The nearest tree with the sum of magnitudes `scale`.

    $$y = \operatorname{sign}(x)\, \max(|x| - \tau, 0), \qquad \sum_i |y_i| = s$$

    An element of 0 counts as positive, so that the sum of magnitudes is right for every tree.

    Args:
      tree: a tree of real arrays, taken as one vector $x$.
      scale: the sum $s$ of magnitudes.

    Raises:
      TypeError: for a leaf that is not a real floating-point array.

    **Reference**: Duchi et al. (2008), *Efficient Projections onto the l1-Ball for Learning in High
    Dimensions*, section 3.

    >>> projection_l1_sphere(jnp.array([2.0, -1.5]))
    Array([ 0.75, -0.25], dtype=float32)
    """
    x, as_tree = as_one_vector(tree)
    return as_tree(_l1_sphere(x, scale))


def projection_l1_ball(tree: Any, scale: ArrayLike = 1) -> Any:
    r"""The nearest tree with a sum of magnitudes of at most `scale`.

    Args:
      tree: a tree of real arrays, taken as one vector.
      scale: the largest sum of magnitudes.

    Raises:
      TypeError: for a leaf that is not a real floating-point array.

    **Reference**: Duchi et al. (2008), *Efficient Projections onto the l1-Ball for Learning in High
    Dimensions*, section 4.

    >>> projection_l1_ball(jnp.array([0.5, -0.25])), projection_l1_ball(jnp.array([2.0, -1.5]))
    (Array([ 0.5 , -0.25], dtype=float32), Array([ 0.75, -0.25], dtype=float32))
    """
    x, as_tree = as_one_vector(tree)
    return as_tree(jnp.where(jnp.sum(jnp.abs(x)) <= scale, x, _l1_sphere(x, scale)))


def projection_l2_sphere(tree: Any, scale: ArrayLike = 1) -> Any:
    r"""The nearest tree with the Euclidean norm `scale`.

    $$y = \frac{s}{\lVert x\rVert}\, x$$

    A tree of zeros has no nearest one and stays as it is.

    Args:
      tree: a tree of real arrays, taken as one vector $x$.
      scale: the norm $s$.

    Raises:
      TypeError: for a leaf that is not a real floating-point array.

    >>> projection_l2_sphere(jnp.array([3.0, 4.0]), 10)
    Array([6., 8.], dtype=float32)
    """
    x, as_tree = as_one_vector(tree)
    return as_tree(jnp.asarray(scale, x.dtype) * quotient(x, jnp.broadcast_to(norm(x), x.shape)))


def projection_l2_ball(tree: Any, scale: ArrayLike = 1) -> Any:
    r"""The nearest tree with a Euclidean norm of at most `scale`.

    $$y = \min\Bigl(1, \frac{s}{\lVert x\rVert}\Bigr)\, x$$

    Args:
      tree: a tree of real arrays, taken as one vector $x$.
      scale: the largest norm $s$.

    Raises:
      TypeError: for a leaf that is not a real floating-point array.

    >>> projection_l2_ball(jnp.array([3.0, 4.0])), projection_l2_ball(jnp.array([0.3, 0.4]))
    (Array([0.6, 0.8], dtype=float32), Array([0.3, 0.4], dtype=float32))
    """
    x, as_tree = as_one_vector(tree)
    return as_tree(x * shortening(norm(x), jnp.asarray(scale, x.dtype)))


def _simplex(x: Array, scale: ArrayLike) -> Array:
    return onto_simplex(x, jnp.asarray(scale, x.dtype)) if x.size else x


def _l1_sphere(x: Array, scale: ArrayLike) -> Array:
    return jnp.where(x < 0, -1, 1) * _simplex(jnp.abs(x), scale)

"""Margins of the score of a class over the others, and losses from a maximum over distributions."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.arithmetic import onto_simplex
from gradtx.losses._arrays import as_floats, axes_of, is_class


def multiclass_hinge_loss(scores: ArrayLike, labels: ArrayLike, *, axis: int = -1) -> Array:
    r"""The hinge loss of the margin by which the score of a class exceeds the others.

    $$\ell = \max_k\,(x_k + [k \ne y]) - x_y$$

    Args:
      scores: the scores $x$ of the classes.
      labels: the number $y$ of the class of each example, of the shape of the scores without `axis`. One
        that is no class gives NaN.
      axis: the axis of the classes.

    Returns:
      The losses, in float32 or wider, of the shape of the labels. The derivative is shared among classes
      with the same margin.

    Raises:
      TypeError: for scores that are not floating-point, or labels that are not integers.
      ValueError: for labels of another shape.

    **Reference**: Crammer and Singer (2001), *On the Algorithmic Implementation of Multiclass
    Kernel-based Vector Machines*, equation 4.

    >>> print(multiclass_hinge_loss(jnp.array([[2.0, 0.5], [2.0, 0.5]]), jnp.array([0, 1])))
    [0.  2.5]
    """
    return _margin("multiclass_hinge_loss", scores, labels, axis, 1.0)


def multiclass_perceptron_loss(scores: ArrayLike, labels: ArrayLike, *, axis: int = -1) -> Array:
    r"""The difference between the largest score and that of the class.

    $$\ell = \max_k x_k - x_y$$

    Args:
      scores: the scores $x$ of the classes.
      labels: the number $y$ of the class of each example, of the shape of the scores without `axis`. One
        that is no class gives NaN.
      axis: the axis of the classes.

    Returns:
      The losses, in float32 or wider, of the shape of the labels. The derivative is shared among classes
      with the same score.

    Raises:
      TypeError: for scores that are not floating-point, or labels that are not integers.
      ValueError: for labels of another shape.

    **Reference**: Collins (2002), *Discriminative Training Methods for Hidden Markov Models*.

    >>> print(multiclass_perceptron_loss(jnp.array([[2.0, 0.5], [2.0, 0.5]]), jnp.array([0, 1])))
    [0.  1.5]
    """
    return _margin("multiclass_perceptron_loss", scores, labels, axis, 0.0)


def multiclass_sparsemax_loss(scores: ArrayLike, labels: ArrayLike, *, axis: int = -1) -> Array:
    r"""The loss of which the sparsemax, less the class, is the derivative.

    $$\ell = \max_{p \in \Delta}\,\bigl(\langle p, x\rangle - \tfrac12 \lVert p\rVert^2\bigr)
      + \tfrac12 - x_y$$

    The maximum is at the projection of the scores onto the simplex $\Delta$, which has zeros.

    Args:
      scores: the scores $x$ of the classes.
      labels: the number $y$ of the class of each example, of the shape of the scores without `axis`. One
        that is no class gives NaN.
      axis: the axis of the classes.

    Returns:
      The losses, in float32 or wider, of the shape of the labels.

    Raises:
      TypeError: for scores that are not floating-point, or labels that are not integers.
      ValueError: for labels of another shape.

    **Reference**: Martins and Astudillo (2016), *From Softmax to Sparsemax*, arXiv:1602.02068, equation
    16.

    >>> print(multiclass_sparsemax_loss(jnp.array([[0.0, 0.0], [3.0, 0.0]]), jnp.array([0, 0])))
    [0.25 0.  ]
    """
    x, (axis,), hits, valid = _given("multiclass_sparsemax_loss", scores, labels, axis)
    # Relative to the score of the class, the scores of the others lose no digits.
    x = x - jnp.sum(jnp.where(hits, x, 0), axis, keepdims=True)
    p = onto_simplex(x, axis=axis)
    loss = jnp.sum(p * jnp.where(p > 0, x, 0) - 0.5 * p * p, axis) + 0.5
    return jnp.where(valid, loss, jnp.nan)


def make_fenchel_young_loss(max_fun: Callable[..., Any]) -> Callable[..., Array]:
    r"""A loss from the maximum of a regularized inner product over a set of distributions.

    $$\ell(x, t) = f(x) - \langle t, x\rangle, \qquad f(x) = \max_p\,\langle p, x\rangle - \Omega(p)$$

    Its derivative is the maximizer less the target $t$.

    Args:
      max_fun: the function $f$ of a vector of scores, for example `jax.nn.logsumexp`, which makes the cross
        entropy up to a constant.

    Returns:
      The function `(scores, targets, *args, **kwargs)` of arrays with a last axis of classes; the further
      arguments go to `max_fun`. It returns the losses, in float32 or wider, without the last axis.

    **Reference**: Blondel et al. (2019), *Learning with Fenchel-Young Losses*, arXiv:1901.02324, equation
    8, without the constant $\Omega(t)$.

    >>> import jax
    >>> loss = make_fenchel_young_loss(jax.nn.logsumexp)
    >>> print(loss(jnp.array([0.0, 0.0]), jnp.array([1.0, 0.0])))
    0.6931472
    """

    def fenchel_young_loss(scores: ArrayLike, targets: ArrayLike, *args: Any, **kwargs: Any) -> Array:
        x, t = as_floats("fenchel_young_loss", scores=scores, targets=targets)
        highest = jnp.vectorize(lambda row: max_fun(row, *args, **kwargs), signature="(n)->()")(x)
        return highest - jnp.sum(t * x, -1)

    return fenchel_young_loss


def _margin(who: str, scores: ArrayLike, labels: ArrayLike, axis: int, width: float) -> Array:
    x, axes, hits, valid = _given(who, scores, labels, axis)
    own = jnp.sum(jnp.where(hits, x, 0), axes, keepdims=True)
    return jnp.where(valid, jnp.max(x - own + jnp.where(hits, 0, width), axes), jnp.nan)


def _given(
    who: str, scores: ArrayLike, labels: ArrayLike, axis: int
) -> tuple[Array, tuple[int, ...], Array, Array]:
    (x,) = as_floats(who, scores=scores)
    axes = axes_of(axis, x.ndim)
    return x, axes, *is_class(labels, x.shape, axes, who)

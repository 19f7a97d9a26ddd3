"""Kullback-Leibler divergences between distributions, the first of which is given by its logarithm."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.losses._arrays import Axis, as_floats, axes_of, in_one_shape, mask_of_classes


def kl_divergence(
    log_predictions: ArrayLike, targets: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    r"""The Kullback-Leibler divergence of predictions from targets.

    $$\ell = \sum_k t_k\,(\log t_k - \log p_k)$$

    A term with $t_k = 0$ is 0, also where $p_k = 0$.

    Args:
      log_predictions: the logarithms $\log p$ of the predicted probabilities.
      targets: the probabilities $t$; one of both shapes broadcasts to the other.
      axis: the axes of the distribution; `None`: all.
      where: the terms that count, in the shape of the arrays; or the sums that count, in this shape without
        `axis`. `None`: all.

    Returns:
      The divergences, in float32 or wider, without `axis`.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other.

    **Reference**: Kullback and Leibler (1951), *On Information and Sufficiency*,
    doi:10.1214/aoms/1177729694.

    >>> print(kl_divergence(jnp.log(jnp.array([0.5, 0.5])), jnp.array([1.0, 0.0])))
    0.6931472
    """
    log_p, t, axes, mask = _given("kl_divergence", log_predictions, "targets", targets, axis, where)
    return jnp.sum(jnp.where(mask, _term(log_p, t), 0), axes)


def kl_divergence_with_log_targets(
    log_predictions: ArrayLike, log_targets: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    r"""The Kullback-Leibler divergence of predictions from targets that are given by their logarithms.

    $$\ell = \sum_k e^{\log t_k}\,(\log t_k - \log p_k)$$

    Args:
      log_predictions: the logarithms $\log p$ of the predicted probabilities.
      log_targets: the logarithms $\log t$; one of both shapes broadcasts to the other. A term with
        $\log t_k = -\infty$ is 0.
      axis: the axes of the distribution; `None`: all.
      where: the terms that count, in the shape of the arrays; or the sums that count, in this shape without
        `axis`. `None`: all.

    Returns:
      The divergences, in float32 or wider, without `axis`.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other.

    >>> half = jnp.log(jnp.array([0.5, 0.5]))
    >>> print(kl_divergence_with_log_targets(half, jnp.log(jnp.array([1.0, 0.0]))))
    0.6931472
    """
    who = "kl_divergence_with_log_targets"
    log_p, log_t, axes, mask = _given(who, log_predictions, "log_targets", log_targets, axis, where)
    counts = mask & ~jnp.isneginf(log_t)
    log_p, log_t = jnp.where(counts, log_p, 0), jnp.where(counts, log_t, 0)
    return jnp.sum(jnp.where(counts, jnp.exp(log_t) * (log_t - log_p), 0), axes)


def generalized_kl_divergence(
    log_predictions: ArrayLike, targets: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    r"""The Kullback-Leibler divergence for positive numbers that need not have the sum 1.

    $$\ell = \sum_k t_k\,(\log t_k - \log p_k) + p_k - t_k$$

    It is convex in both, and 0 only where both are equal.

    Args:
      log_predictions: the logarithms $\log p$ of the predicted numbers.
      targets: the numbers $t$; one of both shapes broadcasts to the other.
      axis: the axes of the sum; `None`: all.
      where: the terms that count, in the shape of the arrays; or the sums that count, in this shape without
        `axis`. `None`: all.

    Returns:
      The divergences, in float32 or wider, without `axis`.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other.

    >>> print(generalized_kl_divergence(jnp.log(jnp.array([2.0, 1.0])), jnp.array([0.0, 1.0])))
    2.0
    """
    who = "generalized_kl_divergence"
    log_p, t, axes, mask = _given(who, log_predictions, "targets", targets, axis, where)
    return jnp.sum(jnp.where(mask, _term(log_p, t) + jnp.exp(log_p) - t, 0), axes)


convex_kl_divergence = generalized_kl_divergence


def _given(
    who: str, log_predictions: ArrayLike, name: str, targets: ArrayLike, axis: Axis, where: ArrayLike | None
) -> tuple[Array, Array, tuple[int, ...], Array]:
    """Both arrays in one shape, and 0 where they do not count; the axes, and the mask."""
    log_p, t = as_floats(who, **{"log_predictions": log_predictions, name: targets})
    log_p, t = in_one_shape(who, **{"log_predictions": log_p, name: t})
    axes = axes_of(axis, log_p.ndim)
    mask = mask_of_classes(who, where, log_p.shape, axes)
    return jnp.where(mask, log_p, 0), jnp.where(mask, t, 0), axes, mask


def _term(log_p: Array, t: Array) -> Array:
    """t (log t - log p), and 0 where t is."""
    none = t == 0
    return t * (jnp.log(jnp.where(none, 1, t)) - jnp.where(none & jnp.isneginf(log_p), 0, log_p))

"""Cross entropies of a softmax over classes."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.losses._arrays import Axis, as_floats, axes_of, in_one_shape, is_class, mask_of_classes
from gradtx.losses._log_softmax import LogSoftmax, log_softmax


def softmax_cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    *,
    label_smoothing: ArrayLike = 0.0,
    z_loss: ArrayLike = 0.0,
) -> Array:
    r"""The cross entropy between given probabilities of classes and a softmax.

    $$\ell = -\sum_k y_k \log p_k + \zeta Z^2, \qquad p_k = e^{x_k - Z}, \quad
      Z = \log\sum_k e^{x_k}$$

    A class with $y_k = 0$ contributes nothing, also where $p_k = 0$. The sums are in float32 for logits of
    16 bits.

    Args:
      logits: the scores $x$ of the classes, unnormalized.
      labels: the probabilities $y$; one of both shapes broadcasts to the other.
      axis: the axes of the classes; `None`: all.
      where: the classes that count, in the shape of the logits; or the examples that count, in this shape
        without `axis`.
        An example without classes has the loss 0. `None`: all.
      label_smoothing: the weight $\alpha$ of the uniform distribution in the labels, see `smooth_labels`.
      z_loss: the weight $\zeta$ of the squared logarithm of the normalizer, which keeps it near 0.

    Returns:
      The losses, in float32 or wider, of the shape of the logits without `axis`.

    Raises:
      TypeError: for logits that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other.

    **Reference**: Szegedy et al. (2015), *Rethinking the Inception Architecture*, arXiv:1512.00567,
    section 7, for label smoothing; Chowdhery et al. (2022), *PaLM*, arXiv:2204.02311, section 5, for the
    z-loss.

    >>> print(softmax_cross_entropy(jnp.array([0.0, 0.0]), jnp.array([0.25, 0.75])))
    0.6931472
    """
    p, y, axes, mask = _given("softmax_cross_entropy", logits, labels, axis, where)
    if not _is_zero(label_smoothing):
        y = _smoothed(y, label_smoothing, axes, mask)
    return jnp.where(jnp.any(mask, axes), _expected(p, y, axes) + _of_normalizer(p, axes, z_loss), 0)


def safe_softmax_cross_entropy(
    logits: ArrayLike, labels: ArrayLike, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    r"""The same as `softmax_cross_entropy`, under the name that promises 0 for a class that cannot occur.

    $$\ell = -\sum_{k:\, y_k \ne 0} y_k \log p_k$$

    Args:
      logits: the scores of the classes; a score of $-\infty$ stands for a class that cannot occur.
      labels: the probabilities $y$; one of both shapes broadcasts to the other.
      axis: the axes of the classes; `None`: all.
      where: the classes that count, in the shape of the logits; or the examples that count, in this shape
        without `axis`.

    Returns:
      The losses, in float32 or wider, of the shape of the logits without `axis`.

    Raises:
      TypeError: for logits that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other.

    >>> print(safe_softmax_cross_entropy(jnp.array([0.0, 0.0, -jnp.inf]), jnp.array([0.5, 0.5, 0.0])))
    0.6931472
    """
    p, y, axes, _ = _given("safe_softmax_cross_entropy", logits, labels, axis, where)
    return _expected(p, y, axes)


def softmax_cross_entropy_with_integer_labels(
    logits: ArrayLike,
    labels: ArrayLike,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    *,
    label_smoothing: ArrayLike = 0.0,
    z_loss: ArrayLike = 0.0,
) -> Array:
    r"""The cross entropy between the class of each example and a softmax.

    $$\ell = -(1 - \alpha) \log p_y - \frac{\alpha}{n} \sum_k \log p_k + \zeta Z^2, \qquad
      p_k = e^{x_k - Z}, \quad Z = \log\sum_k e^{x_k}$$

    A label that is none of the $n$ classes gives NaN. An example that `where` leaves out may have any label.
    The sums are in float32 for logits of 16 bits, and no array of the size of the logits is needed for the
    labels. `losses.chunked_cross_entropy` does not need the logits either.

    Args:
      logits: the scores $x$ of the classes, unnormalized.
      labels: the number $y$ of the class of each example, of the shape of the logits without `axis`.
      axis: the axis of the classes, or several, whose classes are numbered in their order, the last of which
        varies fastest; `None`: all.
      where: the classes that count, in the shape of the logits; or the examples that count, in this shape
        without `axis`.
        An example without classes has the loss 0. `None`: all.
      label_smoothing: the weight $\alpha$ of the uniform distribution in the labels.
      z_loss: the weight $\zeta$ of the squared logarithm of the normalizer, which keeps it near 0.

    Returns:
      The losses, in float32 or wider, of the shape of the logits without `axis`.

    Raises:
      TypeError: for logits that are not floating-point, or labels that are not integers.
      ValueError: for labels of another shape.

    **Reference**: Szegedy et al. (2015), *Rethinking the Inception Architecture*, arXiv:1512.00567,
    section 7, for label smoothing; Chowdhery et al. (2022), *PaLM*, arXiv:2204.02311, section 5, for the
    z-loss.

    >>> logits = jnp.array([[0.0, 0.0], [0.0, 1e4], [0.0, 0.0]])
    >>> print(softmax_cross_entropy_with_integer_labels(logits, jnp.array([1, 0, 2])))
    [6.931472e-01 1.000000e+04          nan]
    """
    who = "softmax_cross_entropy_with_integer_labels"
    (x,) = as_floats(who, logits=logits)
    axes = axes_of(axis, x.ndim)
    hits, valid = is_class(labels, x.shape, axes, who)
    mask = mask_of_classes(who, where, x.shape, axes)
    p = log_softmax(x, axes, mask)
    loss = jnp.squeeze(p.normalizer, axes) - jnp.sum(jnp.where(hits, p.shifted, 0), axes)
    if not _is_zero(label_smoothing):
        alpha = jnp.asarray(label_smoothing, x.dtype)
        total = jnp.sum(jnp.where(mask, -p.values, 0), axes)
        loss = (1 - alpha) * loss + alpha * total / _count(mask, axes).astype(x.dtype)
    loss = jnp.where(valid, loss + _of_normalizer(p, axes, z_loss), jnp.nan)
    return jnp.where(jnp.any(mask, axes), loss, 0)


def poly_loss_cross_entropy(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    epsilon: ArrayLike = 2.0,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Array:
    r"""The cross entropy with another coefficient of its first term as a series in $1 - p$.

    $$\ell = -\sum_k y_k \log p_k + \epsilon \sum_k y_k (1 - p_k)$$

    Args:
      logits: the scores of the classes, unnormalized; $p$ is their softmax.
      labels: the probabilities $y$; one of both shapes broadcasts to the other.
      epsilon: the coefficient $\epsilon$; 0 gives the cross entropy.
      axis: the axes of the classes; `None`: all.
      where: the classes that count, in the shape of the logits; or the examples that count, in this shape
        without `axis`.

    Returns:
      The losses, in float32 or wider, of the shape of the logits without `axis`.

    Raises:
      TypeError: for logits that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other.

    **Reference**: Leng et al. (2022), *PolyLoss*, arXiv:2204.12511, equation 5.

    >>> print(poly_loss_cross_entropy(jnp.array([0.0, 0.0]), jnp.array([1.0, 0.0]), epsilon=2.0))
    1.6931472
    """
    p, y, axes, _ = _given("poly_loss_cross_entropy", logits, labels, axis, where)
    missed = jnp.sum(y * -jnp.expm1(p.values), axes)
    return _expected(p, y, axes) + jnp.asarray(epsilon, y.dtype) * missed


def smooth_labels(
    labels: ArrayLike, alpha: ArrayLike, *, axis: Axis = -1, where: ArrayLike | None = None
) -> Array:
    r"""Labels mixed with the uniform distribution.

    $$y'_k = (1 - \alpha)\, y_k + \frac{\alpha}{n}$$

    Args:
      labels: the probabilities $y$ of the classes.
      alpha: the weight $\alpha$ of the uniform distribution.
      axis: the axes of the $n$ classes; `None`: all.
      where: the classes that count, in the shape of the labels; the others get 0. `None`: all.

    Returns:
      The new labels, in float32 or wider, of the shape of the labels.

    Raises:
      TypeError: for labels that are not floating-point.

    **Reference**: Szegedy et al. (2015), *Rethinking the Inception Architecture*, arXiv:1512.00567,
    section 7. Optax gives $\alpha/n$ to the classes that `where` leaves out too, so that the sum is above
    1.

    >>> print(smooth_labels(jnp.array([0.0, 1.0]), 0.5))
    [0.25 0.75]
    """
    (y,) = as_floats("smooth_labels", labels=labels)
    axes = axes_of(axis, y.ndim)
    return _smoothed(y, alpha, axes, mask_of_classes("smooth_labels", where, y.shape, axes))


def _given(
    who: str, logits: ArrayLike, labels: ArrayLike, axis: Axis, where: ArrayLike | None
) -> tuple[LogSoftmax, Array, tuple[int, ...], Array]:
    """The log-softmax of the logits, the labels in their shape, the axes, and the mask.

    The labels are 0 where the mask is.
    """
    x, y = as_floats(who, logits=logits, labels=labels)
    x, y = in_one_shape(who, logits=x, labels=y)
    axes = axes_of(axis, x.ndim)
    mask = mask_of_classes(who, where, x.shape, axes)
    return log_softmax(x, axes, mask), jnp.where(mask, y, 0), axes, mask


def _expected(p: LogSoftmax, y: Array, axes: tuple[int, ...]) -> Array:
    """The mean of the negative log-probabilities under the labels."""
    never = (y == 0) & jnp.isneginf(p.shifted)
    return -jnp.sum(y * jnp.where(never, 0, p.values), axes)


def _of_normalizer(p: LogSoftmax, axes: tuple[int, ...], z_loss: ArrayLike) -> Array | float:
    """The z-loss."""
    if _is_zero(z_loss):
        return 0.0
    return jnp.asarray(z_loss, p.shifted.dtype) * jnp.squeeze(p.log_sum, axes) ** 2


def _smoothed(y: Array, alpha: ArrayLike, axes: tuple[int, ...], mask: Array) -> Array:
    alpha = jnp.asarray(alpha, y.dtype)
    share = jnp.expand_dims(alpha / _count(mask, axes).astype(y.dtype), axes)
    return jnp.where(mask, (1 - alpha) * y + share, 0)


def _count(mask: Array, axes: tuple[int, ...]) -> Array:
    """The number of classes that count, and 1 where none does."""
    return jnp.maximum(jnp.sum(mask, axes, dtype=jnp.int32), 1)


def _is_zero(number: ArrayLike) -> bool:
    """Whether a term with this factor is left out; a traced or an array one is not."""
    return isinstance(number, int | float) and number == 0

"""The overlap of a predicted region with a given one."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.losses._arrays import Axis, as_floats, axes_of

_REDUCTIONS: dict[str, Callable[[Array], Array]] = {
    "mean": lambda loss: jnp.mean(loss, -1),
    "sum": lambda loss: jnp.sum(loss, -1),
    "none": lambda loss: loss,
}


def dice_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    class_weights: ArrayLike | None = None,
    smooth: ArrayLike = 1.0,
    alpha: ArrayLike = 0.5,
    beta: ArrayLike = 0.5,
    apply_softmax: bool = True,
    reduction: str = "mean",
    ignore_background: bool = False,
    axis: Axis = None,
) -> Array:
    r"""One minus the overlap of predicted and given regions, for each class.

    $$\ell_c = w_c \left(1 - \frac{\sum p_c t_c + s}
      {\sum p_c t_c + \alpha \sum p_c (1 - t_c) + \beta \sum (1 - p_c)\, t_c + s}\right)$$

    $\alpha = \beta = 1/2$ is the Dice coefficient, other numbers the Tversky index.

    Args:
      predictions: the scores, of shape (batch, ..., classes); without the last axis they are of one class.
      targets: the given regions $t$, of the same shape.
      class_weights: the weights $w$, of shape (classes,); `None`: 1.
      smooth: the number $s$, with which an empty region has an overlap.
      alpha: the weight of predicted elements outside of the region.
      beta: the weight of elements of the region that are not predicted.
      apply_softmax: whether $p$ is the softmax of the predictions over the classes, or the sigmoid where
        there is one class; otherwise the predictions are $p$.
      reduction: `"mean"` or `"sum"` over the classes, or `"none"`.
      ignore_background: whether class 0 of several is left out.
      axis: the axes of a region; `None`: all but the first and the last.

    Returns:
      The losses, in float32 or wider, of shape (batch,), or (batch, classes) without a reduction.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for shapes that differ, class weights of another shape, or an unknown reduction.

    **Reference**: Milletari et al. (2016), *V-Net*, arXiv:1606.04797, section 3; Salehi et al. (2017),
    *Tversky Loss Function*, arXiv:1706.05721, equation 3.

    >>> targets = jnp.array([[[1.0], [1.0], [0.0]]])
    >>> print(dice_loss(jnp.array([[[1.0], [0.0], [0.0]]]), targets, smooth=0.0, apply_softmax=False))
    [0.3333333]
    """
    p, t = as_floats("dice_loss", predictions=predictions, targets=targets)
    p, t = (array[..., None] if array.ndim == other.ndim - 1 else array for array, other in ((p, t), (t, p)))
    if p.shape != t.shape:
        raise ValueError(f"dice_loss: predictions {p.shape} and targets {t.shape} must have one shape.")
    if reduction not in _REDUCTIONS:
        raise ValueError(f"dice_loss: reduction must be one of {list(_REDUCTIONS)}, got {reduction!r}.")
    if apply_softmax:
        p = jax.nn.sigmoid(p) if p.shape[-1] == 1 else jax.nn.softmax(p, axis=-1)
    axes = tuple(range(1, p.ndim - 1)) if axis is None else axes_of(axis, p.ndim)
    loss = 1 - _overlap(p, t, axes, smooth, alpha, beta)
    if class_weights is not None:
        loss = loss * _weights(class_weights, loss)
    return _REDUCTIONS[reduction](loss[..., 1:] if ignore_background and p.shape[-1] > 1 else loss)


def multiclass_generalized_dice_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    smooth: ArrayLike = 1.0,
    apply_softmax: bool = True,
    ignore_background: bool = False,
) -> Array:
    r"""The mean of `dice_loss` with weights that fall with the frequency of a class.

    $$w_c \propto \frac{1}{\bigl(\sum t_c\bigr)^2 + 10^{-7}}, \qquad \sum_c w_c = C$$

    Args:
      predictions: the scores, of shape (batch, ..., classes).
      targets: the given regions $t$, of the same shape.
      smooth: as in `dice_loss`.
      apply_softmax: as in `dice_loss`.
      ignore_background: as in `dice_loss`.

    Returns:
      The mean over classes and batch, in float32 or wider.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for shapes that differ.

    **Reference**: Sudre et al. (2017), *Generalised Dice Overlap*, arXiv:1707.03237, section 2.1.

    >>> targets = jnp.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> print(multiclass_generalized_dice_loss(targets, targets, apply_softmax=False))
    0.0
    """
    _, t = as_floats("multiclass_generalized_dice_loss", predictions=predictions, targets=targets)
    weights = 1 / (jnp.sum(t, axes_of(range(t.ndim - 1), t.ndim)) ** 2 + 1e-7)
    weights = weights * (weights.size / jnp.sum(weights))
    options: dict[str, Any] = {"apply_softmax": apply_softmax, "ignore_background": ignore_background}
    return jnp.mean(
        dice_loss(predictions, t, class_weights=weights, smooth=smooth, reduction="none", **options)
    )


def binary_dice_loss(
    predictions: ArrayLike, targets: ArrayLike, *, smooth: ArrayLike = 1.0, apply_sigmoid: bool = True
) -> Array:
    r"""`dice_loss` of one class.

    $$\ell = 1 - \frac{\sum p t + s}{\tfrac12 \sum p + \tfrac12 \sum t + s}$$

    Args:
      predictions: the scores, of shape (batch, ...), which may end in an axis of length 1.
      targets: the given region $t$, of the same shape.
      smooth: the number $s$.
      apply_sigmoid: whether $p$ is the sigmoid of the predictions; otherwise the predictions are $p$.

    Returns:
      The losses, in float32 or wider, of shape (batch,).

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for shapes that differ.

    **Reference**: Milletari et al. (2016), *V-Net*, arXiv:1606.04797, section 3, without squares.

    >>> print(binary_dice_loss(jnp.array([[1e3, -1e3]]), jnp.array([[1.0, 1.0]]), smooth=0.0))
    [0.3333333]
    """
    p, t = as_floats("binary_dice_loss", predictions=predictions, targets=targets)
    if p.ndim == t.ndim and p.shape[-1] != 1:
        p, t = p[..., None], t[..., None]
    return dice_loss(p, t, smooth=smooth, apply_softmax=apply_sigmoid)


def _overlap(
    p: Array, t: Array, axes: tuple[int, ...], smooth: ArrayLike, alpha: ArrayLike, beta: ArrayLike
) -> Array:
    s, a, b = (jnp.asarray(number, p.dtype) for number in (smooth, alpha, beta))
    both, predicted, given = jnp.sum(p * t, axes), jnp.sum(p, axes), jnp.sum(t, axes)
    return (both + s) / (both + a * (predicted - both) + b * (given - both) + s)


def _weights(class_weights: ArrayLike, loss: Array) -> Array:
    weights = jnp.asarray(class_weights, loss.dtype)
    if weights.shape != loss.shape[-1:]:
        raise ValueError(
            f"dice_loss: class_weights must have the shape {loss.shape[-1:]}, got {weights.shape}."
        )
    return jnp.broadcast_to(weights, loss.shape)

"""Losses of real numbers: squared, Huber, logarithm of the hyperbolic cosine, and the angle."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.arithmetic import norm, quotient
from gradtx.losses._arrays import Axis, as_floats, axes_of, elementwise, in_one_shape, mask_of_classes


def squared_error(
    predictions: ArrayLike, targets: ArrayLike | None = None, *, where: ArrayLike | None = None
) -> Array:
    r"""The squared error of each element.

    $$\ell = (x - y)^2$$

    Args:
      predictions: the predictions $x$, of any shape.
      targets: the targets $y$, which broadcast to the shape of the predictions; `None` stands for zeros.
      where: the elements that count; the others have the loss 0 and no derivative. `None`: all.

    Returns:
      The losses, in float32 or wider, of the shape of the predictions.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other, such as (n,) and (n, 1).

    >>> print(squared_error(jnp.array([1.0, 4.0]), jnp.array([3.0, 3.0])))
    [4. 1.]
    """
    return elementwise("squared_error", _squared, where, **_pair(predictions, targets))


def l2_loss(
    predictions: ArrayLike, targets: ArrayLike | None = None, *, where: ArrayLike | None = None
) -> Array:
    r"""Half the squared error of each element, whose derivative is the error.

    $$\ell = \tfrac12 (x - y)^2$$

    Args:
      predictions: the predictions $x$, of any shape.
      targets: the targets $y$, which broadcast to the shape of the predictions; `None` stands for zeros.
      where: the elements that count; the others have the loss 0 and no derivative. `None`: all.

    Returns:
      The losses, in float32 or wider, of the shape of the predictions.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other, such as (n,) and (n, 1).

    >>> print(l2_loss(jnp.array([1.0, 4.0]), jnp.array([3.0, 3.0])))
    [2.  0.5]
    """
    return 0.5 * elementwise("l2_loss", _squared, where, **_pair(predictions, targets))


def huber_loss(
    predictions: ArrayLike,
    targets: ArrayLike | None = None,
    *,
    delta: ArrayLike = 1.0,
    where: ArrayLike | None = None,
) -> Array:
    r"""A loss that is quadratic for small errors and linear for large ones.

    $$\ell = \begin{cases} \tfrac12 e^2 & \text{where } |e| \le \delta \\
      \delta\,(|e| - \tfrac12 \delta) & \text{elsewhere} \end{cases} \qquad e = x - y$$

    Args:
      predictions: the predictions $x$, of any shape.
      targets: the targets $y$, which broadcast to the shape of the predictions; `None` stands for zeros.
      delta: the error $\delta$ at which the loss becomes linear, and the largest derivative.
      where: the elements that count; the others have the loss 0 and no derivative. `None`: all.

    Returns:
      The losses, in float32 or wider, of the shape of the predictions.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other, such as (n,) and (n, 1).

    **Reference**: Huber (1964), *Robust Estimation of a Location Parameter*, doi:10.1214/aoms/1177703732.

    >>> print(huber_loss(jnp.array([0.5, -3.0]), delta=1.0))
    [0.125 2.5  ]
    """

    def huber(x: Array, y: Array) -> Array:
        size = jnp.abs(x - y)
        limit = jnp.asarray(delta, size.dtype)
        quadratic = jnp.minimum(size, limit)
        return 0.5 * quadratic**2 + limit * (size - quadratic)

    return elementwise("huber_loss", huber, where, **_pair(predictions, targets))


def log_cosh(
    predictions: ArrayLike, targets: ArrayLike | None = None, *, where: ArrayLike | None = None
) -> Array:
    r"""The logarithm of the hyperbolic cosine of the error: a smooth Huber loss.

    $$\ell = \log\cosh(x - y)$$

    It is exact to rounding near 0, where the sum of exponentials loses all digits, and for large errors,
    where it overflows.

    Args:
      predictions: the predictions $x$, of any shape.
      targets: the targets $y$, which broadcast to the shape of the predictions; `None` stands for zeros.
      where: the elements that count; the others have the loss 0 and no derivative. `None`: all.

    Returns:
      The losses, in float32 or wider, of the shape of the predictions.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other, such as (n,) and (n, 1).

    **Reference**: Chen et al. (2018), *Log Hyperbolic Cosine Loss Improves Variational Auto-Encoder*,
    section 3.

    >>> print(log_cosh(jnp.array([0.0, 1e-3, 100.0])))
    [0.0000000e+00 5.0000006e-07 9.9306854e+01]
    """

    def at(x: Array, y: Array) -> Array:
        size = jnp.abs(x - y)
        small = jnp.minimum(size, 1.0)  # cosh e = 1 + 2 sinh^2(e / 2)
        near = jnp.log1p(2.0 * jnp.sinh(0.5 * small) ** 2)
        return jnp.where(size < 1.0, near, size + jnp.log1p(jnp.exp(-2.0 * size)) - jnp.log(2.0))

    return elementwise("log_cosh", at, where, **_pair(predictions, targets))


def cosine_similarity(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: ArrayLike = 0.0,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Array:
    r"""The cosine of the angle between two vectors.

    $$s = \frac{\langle x, y\rangle}{\lVert x\rVert\,\lVert y\rVert}$$

    The norms neither overflow nor underflow. A vector of zeros has the similarity 0 with every other, and
    the derivative 0.

    Args:
      predictions: the vectors $x$.
      targets: the vectors $y$; one of both shapes broadcasts to the other.
      epsilon: the smallest squared norm of a vector; a shorter one counts as so long.
      axis: the axes of a vector; `None`: all.
      where: the elements that count, in the shape of the arrays; or the vectors that count, in this shape
        without `axis`. `None`: all.

    Returns:
      The similarities, in float32 or wider, without `axis`.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other.

    >>> x = jnp.array([[3.0, 4.0], [0.0, 0.0]])
    >>> print(cosine_similarity(x, jnp.array([[2.0, 0.0], [1.0, 0.0]])))
    [0.6 0. ]
    """
    return _cosine("cosine_similarity", predictions, targets, epsilon, axis, where)


def cosine_distance(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: ArrayLike = 0.0,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Array:
    r"""One minus the cosine of the angle between two vectors, see `cosine_similarity`.

    $$\ell = 1 - \frac{\langle x, y\rangle}{\lVert x\rVert\,\lVert y\rVert}$$

    Args:
      predictions: the vectors $x$.
      targets: the vectors $y$; one of both shapes broadcasts to the other.
      epsilon: the smallest squared norm of a vector; a shorter one counts as so long.
      axis: the axes of a vector; `None`: all.
      where: the elements that count, in the shape of the arrays; or the vectors that count, in this shape
        without `axis`. `None`: all.

    Returns:
      The distances, in float32 or wider, without `axis`.

    Raises:
      TypeError: for predictions that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other.

    >>> print(cosine_distance(jnp.array([1.0, 0.0]), jnp.array([0.0, 2.0])))
    1.0
    """
    return 1.0 - _cosine("cosine_distance", predictions, targets, epsilon, axis, where)


def _squared(x: Array, y: Array) -> Array:
    return (x - y) ** 2


def _pair(predictions: ArrayLike, targets: ArrayLike | None) -> dict[str, ArrayLike]:
    return {"predictions": predictions, "targets": 0.0 if targets is None else targets}


def _cosine(
    who: str, x: ArrayLike, y: ArrayLike, epsilon: ArrayLike, axis: Axis, where: ArrayLike | None
) -> Array:
    x, y = as_floats(who, predictions=x, targets=y)
    x, y = in_one_shape(who, predictions=x, targets=y)
    axes = axes_of(axis, x.ndim)
    mask = mask_of_classes(who, where, x.shape, axes)
    return jnp.sum(_unit(x, mask, axes, epsilon) * _unit(y, mask, axes, epsilon), axes)


def _unit(x: Array, mask: Array, axes: tuple[int, ...], epsilon: ArrayLike) -> Array:
    """`x` over its norm, and zeros where it has none."""
    x = jnp.where(mask, x, 0)
    length = norm(x, axes, keepdims=True)
    return quotient(x, jnp.maximum(length, jnp.sqrt(jnp.asarray(epsilon, x.dtype))))

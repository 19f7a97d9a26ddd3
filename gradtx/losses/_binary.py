"""Losses of two classes, one score an example."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.losses._arrays import elementwise


def sigmoid_binary_cross_entropy(
    logits: ArrayLike, labels: ArrayLike, *, where: ArrayLike | None = None
) -> Array:
    r"""The cross entropy between given probabilities and a sigmoid, for each element.

    $$\ell = -y \log \sigma(x) - (1 - y) \log \sigma(-x)$$

    Args:
      logits: the logarithms $x$ of the odds, of any shape.
      labels: the probabilities $y$; integers and booleans are converted.
      where: the elements that count; the others have the loss 0 and no derivative. `None`: all.

    Returns:
      The losses, in float32 or wider, of the shape of the logits.

    Raises:
      TypeError: for logits that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other, such as (n,) and (n, 1).

    >>> print(sigmoid_binary_cross_entropy(jnp.array([0.0, 1e4, -1e4]), jnp.array([1, 1, 1])))
    [6.931472e-01 0.000000e+00 1.000000e+04]
    """
    return elementwise("sigmoid_binary_cross_entropy", _cross_entropy, where, logits=logits, labels=labels)


def sigmoid_focal_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    alpha: ArrayLike | None = None,
    gamma: ArrayLike = 2.0,
    where: ArrayLike | None = None,
) -> Array:
    r"""A binary cross entropy with less weight on examples that are well classified.

    $$\ell = -\alpha_y\,(1 - p_y)^\gamma \log p_y, \qquad p_1 = \sigma(x), \quad p_0 = \sigma(-x), \quad
      \alpha_1 = \alpha, \quad \alpha_0 = 1 - \alpha$$

    Args:
      logits: the logarithms $x$ of the odds, of any shape.
      labels: the classes $y$, 0 or 1; with one between, $1 - p_y$, $\alpha_y$ and the cross entropy are each
        the mean of those of the classes.
      alpha: the weight of the class 1; `None`: no weights.
      gamma: the exponent $\gamma$; 0 gives the cross entropy.
      where: the elements that count; the others have the loss 0 and no derivative. `None`: all.

    Returns:
      The losses, in float32 or wider, of the shape of the logits.

    Raises:
      TypeError: for logits that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other, such as (n,) and (n, 1).

    **Reference**: Lin et al. (2017), *Focal Loss for Dense Object Detection*, arXiv:1708.02002, equation
    5.

    >>> print(sigmoid_focal_loss(jnp.array([0.0, 4.0]), jnp.array([1, 1]), gamma=2.0))
    [1.732868e-01 5.871571e-06]
    """

    def focal(x: Array, y: Array) -> Array:
        log_p = jnp.stack([jax.nn.log_sigmoid(x), jax.nn.log_sigmoid(-x)])
        log_missed = jax.nn.logsumexp(log_p, axis=0, b=jnp.stack([1 - y, y]))  # a power of it has no NaN
        loss = jnp.exp(jnp.asarray(gamma, x.dtype) * log_missed) * _cross_entropy(x, y)
        if alpha is None:
            return loss
        weight = jnp.asarray(alpha, x.dtype)
        return (weight * y + (1 - weight) * (1 - y)) * loss

    return elementwise("sigmoid_focal_loss", focal, where, logits=logits, labels=labels)


def hinge_loss(predictor_outputs: ArrayLike, targets: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""The hinge loss of a score and a class of -1 or 1, for each element.

    $$\ell = \max(0, 1 - x y)$$

    Args:
      predictor_outputs: the scores $x$, of any shape.
      targets: the classes $y$, -1 or 1.
      where: the elements that count; the others have the loss 0 and no derivative. `None`: all.

    Returns:
      The losses, in float32 or wider, of the shape of the scores. At the corner the derivative is half of
      that on its steep side.

    Raises:
      TypeError: for scores that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other, such as (n,) and (n, 1).

    **Reference**: Cortes and Vapnik (1995), *Support-Vector Networks*, doi:10.1007/BF00994018.

    >>> print(hinge_loss(jnp.array([2.0, 0.5, -1.0]), jnp.array([1, 1, 1])))
    [0.  0.5 2. ]
    """

    def hinge(x: Array, y: Array) -> Array:
        return jnp.maximum(0, 1 - x * y)

    return elementwise("hinge_loss", hinge, where, predictor_outputs=predictor_outputs, targets=targets)


def perceptron_loss(
    predictor_outputs: ArrayLike, targets: ArrayLike, *, where: ArrayLike | None = None
) -> Array:
    r"""The perceptron loss of a score and a class of -1 or 1, for each element.

    $$\ell = \max(0, -x y)$$

    Args:
      predictor_outputs: the scores $x$, of any shape.
      targets: the classes $y$, -1 or 1.
      where: the elements that count; the others have the loss 0 and no derivative. `None`: all.

    Returns:
      The losses, in float32 or wider, of the shape of the scores. At $x = 0$ the derivative is $-y/2$, so
      that a model of zeros learns.

    Raises:
      TypeError: for scores that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other, such as (n,) and (n, 1).

    **Reference**: Rosenblatt (1958), *The Perceptron*, doi:10.1037/h0042519.

    >>> print(perceptron_loss(jnp.array([2.0, -1.0]), jnp.array([1, 1])))
    [0. 1.]
    """

    def perceptron(x: Array, y: Array) -> Array:
        return jnp.maximum(0, -x * y)

    return elementwise(
        "perceptron_loss", perceptron, where, predictor_outputs=predictor_outputs, targets=targets
    )


def sparsemax_loss(logits: ArrayLike, labels: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""The loss of which the sparsemax of two classes is the derivative, for each element.

    $$\ell = \operatorname{sparseplus}(\mp x), \qquad \operatorname{sparseplus}(x) =
      \begin{cases} 0 & x \le -1 \\ \tfrac14 (x + 1)^2 & -1 < x < 1 \\ x & x \ge 1 \end{cases}$$

    Args:
      logits: the scores $x$ of the class 1, of any shape.
      labels: the classes, 0 or 1: the sign is $-$ for 1 and $+$ for 0.
      where: the elements that count; the others have the loss 0 and no derivative. `None`: all.

    Returns:
      The losses, in float32 or wider, of the shape of the logits.

    Raises:
      TypeError: for logits that are not floating-point.
      ValueError: for two shapes that each lack an axis of the other, such as (n,) and (n, 1).

    **Reference**: Blondel et al. (2019), *Learning with Fenchel-Young Losses*, arXiv:1901.02324, section
    4.4.

    >>> print(sparsemax_loss(jnp.array([0.0, 2.0, 2.0]), jnp.array([1, 1, 0])))
    [0.25 0.   2.  ]
    """

    def sparsemax(x: Array, y: Array) -> Array:
        return jax.nn.sparse_plus(jnp.where(y != 0, -x, x))

    return elementwise("sparsemax_loss", sparsemax, where, logits=logits, labels=labels)


def _cross_entropy(x: Array, y: Array) -> Array:
    return y * jax.nn.softplus(-x) + (1 - y) * jax.nn.softplus(x)

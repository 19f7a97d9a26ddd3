"""Adaptive gradient clipping: the gradient of each unit, bounded relative to the unit's weights."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.arithmetic import norm, shortening
from gradtx.core import Number, Rule, hyperparameter, static
from gradtx.numerics import as_wide
from gradtx.tree import widened

Axes = int | tuple[int, ...] | None


class adaptive_grad_clip(Rule, needs=("params",), role="clips", elementwise=False):
    r"""Bounds the gradient of each unit by a fraction of the norm of the unit's weights.

    $$u_i = g_i \cdot \min\!\left(1, \lambda \frac{\max(\|\theta_i\|, \epsilon)}{\|g_i\|}\right)$$

    where $i$ runs over units, $\lambda$ is `clipping` and $\epsilon$ is `eps`, which lets weights of zero
    move. A unit is the set of weights that feed one output. Its norm is taken over all axes but the last of
    a matrix or a convolution kernel (inputs first, as in JAX's layers), over the first axis of a leaf with
    three (inputs, heads, features), and over the whole of a leaf with one axis or none. A unit whose gradient
    norm is infinite or NaN becomes NaN.

    **State**: none.

    **Reference**: Brock et al. (2021), *High-Performance Large-Scale Image Recognition Without
    Normalization*, arXiv:2102.06171, equation 3. A leaf of shape (1, n) has n units here; Optax treats it as
    one vector.

    >>> import jax.numpy as jnp
    >>> tx = adaptive_grad_clip(0.1)
    >>> params = jnp.array([[3.0, 1.0], [4.0, 0.0]])
    >>> tx.update(jnp.full((2, 2), 0.01), tx.init(params), params)[0]
    Array([[0.01, 0.01],
           [0.01, 0.01]], dtype=float32)
    >>> tx.update(jnp.array([[0.0, 2.0], [1.0, 0.0]]), tx.init(params), params)[0]
    Array([[0. , 0.1],
           [0.5, 0. ]], dtype=float32)
    """

    clipping: Number = hyperparameter(above=0.0, doc="the greatest ratio of the norms")
    eps: Number = hyperparameter(default=1e-3, above=0.0, doc="the least norm that a unit's weights count as")
    axis: Axes = static(
        default=None, doc="the axes over which the norms are taken; `None` chooses them by the rule above"
    )

    def leaf(self, g: Array, p: Array) -> Array:
        bound = self.clipping * jnp.maximum(_unit_norms(p, self.axis), self.eps)
        return unitwise_clip(_unit_norms(g, self.axis), bound, g, div_eps=0.0)


def unitwise_norm(x: ArrayLike, axis: Axes = None) -> Array:
    """The norm of the unit of each element, in the shape of the array.

    Args:
      x: an array, whose units are those of `adaptive_grad_clip`.
      axis: the axes over which the norms are taken; `None` chooses them as there.

    Returns:
      The norms in float32 or wider.

    >>> print(unitwise_norm(jnp.array([[3.0, 1.0], [4.0, 0.0]])))
    [[5. 1.]
     [5. 1.]]
    """
    x = as_wide(x)
    return jnp.broadcast_to(_unit_norms(x, axis), x.shape)


def unitwise_clip(
    g_norm: ArrayLike, max_norm: ArrayLike, grad: ArrayLike, div_eps: ArrayLike = 1e-6
) -> Array:
    """A gradient, each unit of which is shortened to a bound.

    A unit whose norm is infinite or NaN becomes NaN.

    Args:
      g_norm: the norm of the unit of each element, as `unitwise_norm` gives it.
      max_norm: the greatest norm that passes unchanged.
      grad: the gradient, in a shape to which the norms broadcast.
      div_eps: the least norm by which a unit is divided.

    Returns:
      The gradient in its dtype.

    >>> g = jnp.array([[3.0, 1.0], [4.0, 0.0]])
    >>> print(unitwise_clip(unitwise_norm(g), 2.5, g))
    [[1.5 1. ]
     [2.  0. ]]
    """
    grad = jnp.asarray(grad)
    wide = grad.astype(widened(grad.dtype))
    length, bound, least = (jnp.asarray(x).astype(wide.real.dtype) for x in (g_norm, max_norm, div_eps))
    length = jnp.where(length > bound, jnp.maximum(length, least), length)
    return (wide * shortening(length, bound).astype(wide.dtype)).astype(grad.dtype)


def _unit_norms(x: Array, axis: Axes) -> Array:
    """The norm of each unit, whose axes stay with the length 1."""
    return norm(x, _input_axes(x.ndim) if axis is None else axis, keepdims=True)


def _input_axes(ndim: int) -> tuple[int, ...] | None:
    """The axes that feed one output."""
    if ndim <= 1:
        return None
    return (0,) if ndim == 3 else tuple(range(ndim - 1))

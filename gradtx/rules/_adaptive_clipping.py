"""Adaptive gradient clipping: the gradient of each unit, bounded relative to the unit's weights."""

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import norm, shortening
from gradtx.core import Number, Rule, hyperparameter, static

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
        axes = _input_axes(g.ndim) if self.axis is None else self.axis
        bound = self.clipping * jnp.maximum(norm(p, axes, keepdims=True), self.eps)
        return g * shortening(norm(g, axes, keepdims=True), bound)


def _input_axes(ndim: int) -> tuple[int, ...] | None:
    """The axes that feed one output."""
    if ndim <= 1:
        return None
    return (0,) if ndim == 3 else tuple(range(ndim - 1))

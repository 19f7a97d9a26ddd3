"""The projection of vectors onto a simplex."""

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic._sharding import made_whole


def onto_simplex(x: Array, total: Array | float = 1.0, axis: int = -1) -> Array:
    """The nearest vectors along an axis without an element below 0 and with the sum `total`.

    The elements of a vector are lowered by one number tau, and those that fall below 0 become 0 (Duchi et
    al., 2008, figure 1).

    >>> print(onto_simplex(jnp.array([0.75, -0.75, 0.5])))
    [0.625 0.    0.375]
    """
    axis %= x.ndim
    x = jnp.moveaxis(made_whole(x, (axis,)), axis, -1)
    # The point stays the same without the maximum, and large elements lose no digits. One that is below the
    # maximum by the total is 0 in any case.
    x = jnp.maximum(x - jnp.max(x, axis=-1, keepdims=True), -total)
    falling = -jnp.sort(-x, axis=-1)
    places = jnp.arange(1, x.shape[-1] + 1).astype(x.dtype).reshape([1] * (x.ndim - 1) + [-1])
    # The amount that all elements down to this one would have to give off for their sum to be the total.
    give = (jnp.cumsum(falling, axis=-1) - total) / places
    taking_part = jnp.maximum(jnp.sum(falling > give, axis=-1, keepdims=True), 1)
    tau = jnp.take_along_axis(give, taking_part - 1, axis=-1)
    return jnp.moveaxis(jnp.maximum(x - tau, 0), -1, axis)

"""Norms of one array, and the factors that shorten an array."""

import jax
import jax.numpy as jnp

from gradtx.arithmetic._elementwise import abs_squared

AxisName = str | tuple[str, ...] | None
"""Inside `jax.shard_map`, the mesh axes over which arrays are split; `None` for no axis."""


def root_mean_square(x: jax.Array) -> jax.Array:
    """The root of the mean of |x|² over one array; 0 for an empty array."""
    return root(jnp.sum(abs_squared(x)) / max(x.size, 1))


def root(squared: jax.Array) -> jax.Array:
    """The root of a sum of squares, with the derivative 0 at 0 instead of infinity."""
    # The inner selection avoids the root of 0: the outer one alone would give a NaN in the gradient.
    zero = squared == 0
    return jnp.where(zero, 0.0, jnp.sqrt(jnp.where(zero, 1.0, squared)))


def norm_of_squares(total: jax.Array, axis_name: AxisName) -> jax.Array:
    """The norm of a leaf with the sum of squares `total`, which is that of a shard where axes are named."""
    if axis_name is not None:
        total = jax.lax.psum(total, axis_name)
    return root(total)


def multiply_by(g: jax.Array, factor: jax.Array) -> jax.Array:
    """g * factor."""
    return g * factor


def shortening(length: jax.Array, bound: jax.Array) -> jax.Array:
    """The factor that reduces `length` to `bound`: 1 for a length within the bound, NaN for one not finite.

    For an infinite length the quotient is 0. The product of 0 with the array would be NaN at an infinite
    element and zero at all others, and hide the fault there.
    """
    longer = length > bound
    factor = jnp.where(longer, bound, 1.0) / jnp.where(longer, length, 1.0)
    return jnp.where(jnp.isfinite(length), factor, jnp.nan)


def clipped(x: jax.Array, bound: jax.Array) -> jax.Array:
    """`x` with the magnitude of each element at most `bound`; a complex element keeps its phase."""
    if jnp.iscomplexobj(x):
        return x * shortening(jnp.abs(x), bound)
    return jnp.clip(x, -bound, bound)

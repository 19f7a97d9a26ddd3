"""Elementwise arithmetic that rules share."""

import jax
import jax.numpy as jnp
from jax import lax


def abs_squared(x: jax.Array) -> jax.Array:
    """|x|², which is real also for complex `x`."""
    return x.real * x.real + x.imag * x.imag if jnp.iscomplexobj(x) else x * x


def quotient(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """The quotient, and 0 where the denominator is 0: without a scale there is no step.

    At a denominator of 0 a numerator that is not finite gives NaN, so that it is not hidden.
    """
    # A number over infinity is 0 with the derivative 0. A selection between 0/0 and 0 has the derivative NaN.
    return numerator / lax.select(denominator == 0, lax.full_like(denominator, jnp.inf), denominator)


def interpolate(old: jax.Array, new: jax.Array, weight: jax.Array) -> jax.Array:
    """(1 - weight) * old + weight * new, exact up to rounding for a weight of 0 or 1; `weight` is one number.

    The sum starts from the nearer end. From the old value, a weight of 1 would lose a much smaller new value.
    """
    step = new - old
    near = weight > 0.5
    start = lax.select(near, new.astype(step.dtype), old.astype(step.dtype))
    return start + jnp.where(near, weight - 1, weight) * step

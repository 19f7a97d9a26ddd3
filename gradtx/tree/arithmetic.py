"""Arithmetic of single elements that rules share."""

import jax
import jax.numpy as jnp


def abs_squared(x: jax.Array) -> jax.Array:
    """|x|², which is real for complex `x` too."""
    return x.real * x.real + x.imag * x.imag if jnp.iscomplexobj(x) else x * x


def quotient(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """The quotient, and 0 where the denominator is 0: no size to measure by gives no step.

    A numerator that is not finite gives NaN there, so that nothing is hidden.
    """
    zero = denominator == 0
    divided = numerator / jnp.where(zero, jnp.ones_like(denominator), denominator)
    return jnp.where(zero, numerator * 0, divided)


def interpolate(old: jax.Array, new: jax.Array, weight: jax.Array) -> jax.Array:
    """(1 - weight) * old + weight * new, to rounding at either end.

    The step starts from the nearer end: from the old value a weight of 1 would lose all of a small new one.
    """
    step = new - old
    return jnp.where(weight > 0.5, new - (1 - weight) * step, old + weight * step)

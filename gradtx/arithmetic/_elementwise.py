"""Elementwise arithmetic that rules share."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from gradtx.arithmetic._sharding import split_as


def abs_squared(x: jax.Array) -> jax.Array:
    """|x|², which is real also for complex `x`."""
    return x.real * x.real + x.imag * x.imag if jnp.iscomplexobj(x) else x * x


def bounded(x: jax.Array, terms: int = 1) -> jax.Array:
    """`x` with elements so short that a sum of `terms` of their squares is finite.

    In float32 an element counts as at most 2^63 for one term; a complex one keeps its phase. An infinite one
    counts so too: `visible` shows it in the result.

    >>> print(bounded(jnp.array([1e25, 2.0, jnp.nan])))
    [9.223372e+18 2.000000e+00          nan]
    """
    bound = 2.0 ** (int(jnp.finfo(x.dtype).maxexp) // 2 - 1 - math.ceil(math.log2(max(terms, 1)) / 2))
    if jnp.iscomplexobj(x):
        size = jnp.abs(x)
        return jnp.where(size > bound, x * (bound / size), x)
    # One operation: an array that takes several and has two readers, XLA on CPU would store.
    limit = jnp.asarray(bound, x.dtype)
    return lax.clamp(-limit, x, limit)


def visible(result: jax.Array, x: jax.Array) -> jax.Array:
    """`result`, computed from `bounded(x)`, and NaN where `x` is infinite: the fault is not hidden."""
    return jnp.where(jnp.isinf(x), jnp.nan, result)


def quotient(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """The quotient, and 0 where the denominator is 0: without a scale there is no step.

    At a denominator of 0 a numerator that is not finite gives NaN, so that it is not hidden.
    """
    # A number over infinity is 0 with the derivative 0. A selection between 0/0 and 0 has the derivative NaN.
    return numerator / lax.select(denominator == 0, lax.full_like(denominator, jnp.inf), denominator)


def saturated(x: jax.Array) -> jax.Array:
    """`x`, which is not negative, at most the largest number of its dtype."""
    return jnp.minimum(x, jnp.finfo(x.dtype).max)


def interpolate(old: jax.Array, new: jax.Array, weight: jax.Array) -> jax.Array:
    """(1 - weight) * old + weight * new, exact up to rounding for a weight of 0 or 1; `weight` is one number.

    The sum starts from the nearer end. From the old value, a weight of 1 would lose a much smaller new value.
    On an explicit mesh it is split as the old value is.
    """
    new = split_as(old, new)
    step = new - old
    near = weight > 0.5
    start = lax.select(near, new.astype(step.dtype), old.astype(step.dtype))
    return start + jnp.where(near, weight - 1, weight) * step

"""Rounding a step so that the parameter lands between two bounds."""

from typing import Any

import jax
import jax.numpy as jnp


def rounded_within(
    step: jax.Array, start: jax.Array, lower: jax.Array, upper: jax.Array, dtype: Any
) -> jax.Array:
    """`step` as a number of `dtype`, such that `start + step`, rounded to `dtype`, lies between the bounds.

    The nearest such number serves, unless the rounded sum leaves the interval by it. The step is then the
    next number towards the inside: a step from inside of the interval is rounded toward zero. `start` and
    the bounds are numbers of `dtype`. The result keeps the dtype and the derivative of `step`.
    """
    exact, start = jax.lax.stop_gradient((step, start))
    nearest = exact.astype(dtype)
    landing = (start + nearest.astype(exact.dtype)).astype(dtype).astype(exact.dtype)
    above, below = landing > upper, landing < lower
    inwards = jnp.nextafter(nearest, jnp.where(above, -jnp.inf, jnp.inf).astype(dtype))
    rounded = jnp.where(above | below, inwards, nearest).astype(exact.dtype)
    return step + jnp.where(rounded == exact, 0, rounded - exact)  # an infinite step has no difference

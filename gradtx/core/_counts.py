"""Counts of updates, which stay at the largest value of their dtype."""

from typing import Any

import jax.numpy as jnp
from jax import Array


def zero_count() -> Array:
    """A count of no updates: an int32 scalar."""
    return jnp.zeros((), jnp.int32)


def safe_increment(count: Any) -> Array:
    """`count + 1`, which stays at the largest value of its dtype instead of wrapping around.

    Args:
      count: a number of an integer or floating-point dtype.

    >>> int(safe_increment(jnp.int32(2**31 - 1)))
    2147483647
    """
    count = jnp.asarray(count)
    largest = (
        jnp.iinfo(count.dtype) if jnp.issubdtype(count.dtype, jnp.integer) else jnp.finfo(count.dtype)
    ).max
    one = jnp.ones((), count.dtype)
    return jnp.where(count < jnp.asarray(largest, count.dtype), count + one, count)


safe_int32_increment = safe_increment

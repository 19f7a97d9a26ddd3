"""A float32 number as a bfloat16 number and a remainder."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def upper_half(x: Array) -> Array:
    """The bfloat16 number nearest to a float32 one; of two, the larger in magnitude."""
    rounded = (_pattern(x) + np.uint32(0x8000)) >> np.uint32(16)
    # The pattern of a NaN, rounded, may be that of 0.
    high = jnp.where(jnp.isnan(x), _pattern(x) >> np.uint32(16) | np.uint32(0x40), rounded)
    return jax.lax.bitcast_convert_type(high.astype(jnp.uint16), jnp.bfloat16)


def remainder(x: Array, half: Array, dtype: Any) -> Array:
    """The distance of a float32 number from a bfloat16 one, in units of the last place.

    A number of the other sign is that far from it only in steps through 0, and has the remainder 0.

    Args:
      x: the numbers in float32; for int8 without their last 8 bits.
      half: the numbers in bfloat16 near them.
      dtype: int16, or int8 for units of $2^8$ last places.
    """
    units = (_signed(_pattern(x)) - _signed(_shifted(half))) >> (8 if dtype == np.int8 else 0)
    bounds = np.iinfo(dtype)
    apart = jnp.signbit(x) != jnp.signbit(half)
    return jnp.where(apart, 0, jnp.clip(units, bounds.min, bounds.max)).astype(dtype)


def joined(half: Array, rest: Array) -> Array:
    """The float32 number of a bfloat16 one and its remainder."""
    units = rest.astype(np.int32) << (8 if rest.dtype == np.int8 else 0)
    return jax.lax.bitcast_convert_type(_signed(_shifted(half)) + units, jnp.float32)


def _pattern(x: Array) -> Array:
    return jax.lax.bitcast_convert_type(x, jnp.uint32)


def _shifted(half: Array) -> Array:
    return jax.lax.bitcast_convert_type(half, jnp.uint16).astype(jnp.uint32) << np.uint32(16)


def _signed(pattern: Array) -> Array:
    return jax.lax.bitcast_convert_type(pattern, jnp.int32)

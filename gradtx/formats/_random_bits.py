"""Random bits from a hash of their places, and rounding by them.

A hash of the place of a number gives the same bits on every mesh, and costs a hundredth of a generator.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.arithmetic import split_as

_ODD = np.uint32(0x9E3779B1)


def mixed(h: Array) -> Array:
    """The finalizer of MurmurHash3: a bijection of uint32 in which each bit depends on all others."""
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def random_bits(like: Array, salt: Array, strides: tuple[int, ...] | None = None) -> Array:
    """Random uint32 numbers, in the shape and the sharding of an array.

    Args:
      like: the array.
      salt: a uint32 number; another one, such as its successor, gives independent numbers.
      strides: the distance of neighbours along each axis; by default that of `like`. An array in another
        shape draws the same bits with the strides of the first one.
    """
    index = jnp.zeros(like.shape, jnp.uint32)
    for axis, stride in enumerate(strides_of(like.shape) if strides is None else strides):
        along = jax.lax.broadcasted_iota(jnp.uint32, like.shape, axis)
        index += along * np.uint32(stride % 2**32)
    return split_as(like, mixed(index * _ODD ^ mixed(salt)))


def strides_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The distance of neighbours along each axis, in the row-major order.

    >>> strides_of((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


@partial(jax.jit, static_argnums=2)
def salts(count: Array, words: Array, number: int) -> list[Array]:
    """A salt for each of `number` arrays, another one at each count: successive numbers.

    Args:
      count: the number of the update.
      words: the words of a key.
      number: the number of arrays.
    """
    # `random_bits` mixes them, with the program of the array: XLA takes as long to compile the hash of a
    # number as that of an array, and compiles additions of constants once.
    first = mixed(mixed(words[0] ^ mixed(words[-1])) + count.astype(np.uint32))
    return [first + np.uint32(index) for index in range(number)]


def salt_of_shard(salt: Array, axes: tuple[str, ...]) -> Array:
    """A salt of its own for each shard along these axes of a mesh."""
    return mixed(salt) + jax.lax.axis_index(axes).astype(np.uint32) if axes else salt


def uniform(bits: Array) -> Array:
    """Numbers from 0, below 1, in float32, from the upper 24 random bits."""
    return (bits >> np.uint32(8)).astype(jnp.float32) * np.float32(2.0**-24)


def rounded(x: Array, bits: Array, places: int) -> Array:
    """`x` at one of its two neighbours without the last places, with the mean `x`.

    Args:
      x: finite or infinite numbers, or NaN, in float32.
      bits: random uint32 numbers.
      places: the bits that become 0: 16 for a number of bfloat16.
    """
    lower = np.uint32(2**places - 1)
    pattern = jax.lax.bitcast_convert_type(x, jnp.uint32)
    # By bits: a compiler may leave out the way from float32 to bfloat16 and back.
    raised = jax.lax.bitcast_convert_type((pattern + (bits & lower)) & ~lower, jnp.float32)
    return jnp.where(jnp.isfinite(x), raised, x)

"""Blocks of neighbours along the last axis of an array.

They keep the other axes, so that an array that is split over devices is stored as it is split, and with the
same codes on every mesh. It is stored without communication unless a block of it lies on several devices.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import NamedSharding, PartitionSpec

from gradtx.arithmetic import made_whole, split_as

Spec = tuple[Any, ...]
"""The mesh axes over which each axis of an array is split."""

SHORTEST = 16
"""The shortest block that divides an axis in place of the one asked for: a scale takes 4 bytes."""


def block_length(shape: tuple[int, ...], block: int) -> int:
    """The length of the blocks along the last axis.

    A shorter axis is one block. Otherwise it is `block` where that divides the axis, else the largest power
    of two that does, if it is at least 16; else the last block is shorter than the others.

    Raises:
      ValueError: for a shape without axes.

    >>> [block_length((last,), 256) for last in (512, 96, 1000, 100)]
    [256, 96, 256, 100]
    """
    if not shape:
        raise ValueError("A format of blocks stores an array with at least one axis, got a number.")
    last = shape[-1]
    if last <= block or last % block == 0:
        return min(last, block) or 1
    divisor = last & -last
    return min(divisor, block) if divisor >= SHORTEST else block


def in_blocks(x: Array, length: int) -> Array:
    """`x` with an axis for the blocks in the place of the last one, and one for the numbers of a block."""
    *leading, last = x.shape
    blocks = -(-last // length)
    if blocks % _shards(x):
        x = made_whole(x, [len(leading)])
    if blocks * length != last:
        x = jnp.pad(x, [(0, 0)] * len(leading) + [(0, blocks * length - last)])
    return _reshaped(x, (*leading, blocks, length), lambda spec: (*spec, None))


def from_blocks(x: Array, like: Array) -> Array:
    """The reverse of `in_blocks`, in the shape of `like` and split as it is."""
    *leading, blocks, length = x.shape
    whole = _reshaped(x, (*leading, blocks * length), lambda spec: spec[:-1])
    return split_as(like, whole if whole.shape == like.shape else whole[..., : like.shape[-1]])


def _shards(x: Array) -> int:
    """Over how many devices a mesh with explicit axes splits the last axis."""
    sharding = jax.typeof(x).sharding
    axes = sharding.spec[-1]
    names = axes if isinstance(axes, tuple) else () if axes is None else (axes,)
    return math.prod(sharding.mesh.shape[name] for name in names)


def scales_of(x: Array, *, signed: bool) -> Array:
    """The largest magnitude of each block in float32, or NaN for a block that cannot be stored."""
    size = jnp.abs(x) if signed else jnp.where(x >= 0, x, jnp.nan)
    largest = _maximum(size)
    # Numbers below the smallest normal one count as 0 in arithmetic.
    normal = largest >= np.finfo(np.float32).tiny
    return jnp.where(jnp.isfinite(largest), jnp.where(normal, largest, 0), jnp.nan)


def _maximum(x: Array) -> Array:
    """The maximum of positive floats along the last axis, NaN if one is NaN."""
    # As integers, whose order is that of the floats, with NaN above infinity: XLA on CPU hands a maximum of
    # floats to a library, and waits for its threads. By halves, since it makes slow windows of a long axis.
    bits = jax.lax.bitcast_convert_type(x, jnp.int32)
    while bits.shape[-1] > 32 and bits.shape[-1] % 2 == 0:
        half = bits.shape[-1] // 2
        bits = jnp.maximum(bits[..., :half], bits[..., half:])
    return jax.lax.bitcast_convert_type(jnp.max(bits, -1), jnp.float32)


def _reshaped(x: Array, shape: tuple[int, ...], spec_of: Callable[[Spec], Spec]) -> Array:
    """`x` in another shape, in which a mesh with explicit axes splits it as before."""
    sharding = jax.typeof(x).sharding
    if all(axes is None for axes in sharding.spec):
        return x.reshape(shape)
    spec = PartitionSpec(*spec_of(tuple(sharding.spec)))
    return jax.lax.reshape(x, shape, out_sharding=NamedSharding(sharding.mesh, spec))

"""Formats that keep each number as a float."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from gradtx.formats._format import Whole
from gradtx.formats._random_bits import random_bits, rounded
from gradtx.formats._stored import Stored


@dataclass(frozen=True, repr=False)
class float32(Whole):
    """Numbers as they are, in 32 bits.

    >>> import jax.numpy as jnp
    >>> float32().encode(jnp.array([0.1])).decode()
    Array([0.1], dtype=float32)
    """

    code_dtype: ClassVar = jnp.float32

    def encode(self, x: Array, salt: Array | None = None) -> Stored:
        return Stored(x.astype(jnp.float32), None, self, x.dtype)


@dataclass(frozen=True, repr=False)
class bfloat16(Whole):
    """Numbers in bfloat16, with 8 significant bits.

    A stochastic code is one of the two neighbours, with the mean of the number itself: an average moves by
    steps that are smaller than the distance of two neighbours. A finite number above the largest one of
    bfloat16 is stored as that.

    Args:
      stochastic: whether `encode` uses random bits.

    >>> import jax.numpy as jnp
    >>> bfloat16().encode(jnp.array([1.0, 0.1])).decode()
    Array([1.        , 0.10009...], dtype=float32)
    """

    stochastic: bool = True

    code_dtype: ClassVar = jnp.bfloat16

    @property
    def random(self) -> bool:
        return self.stochastic

    def encode(self, x: Array, salt: Array | None = None) -> Stored:
        wide = x.astype(jnp.float32)
        largest = float(jnp.finfo(jnp.bfloat16).max)
        wide = jnp.where(jnp.isinf(wide), wide, jnp.clip(wide, -largest, largest))
        if salt is None or not self.stochastic:
            return Stored(wide.astype(jnp.bfloat16), None, self, x.dtype)
        return Stored(rounded(wide, random_bits(wide, salt), 16).astype(jnp.bfloat16), None, self, x.dtype)

"""Formats: ways to store an array in fewer bits."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.formats._blocks import SHORTEST, block_length, from_blocks, in_blocks, scales_of
from gradtx.formats._random_bits import random_bits, strides_of
from gradtx.formats._stored import Stored


@dataclass(frozen=True, repr=False)
class Format(ABC):
    """A way to store a real array in fewer bits: a value that is hashable and prints as its constructor."""

    code_dtype: ClassVar[Any]
    """The dtype of the codes."""
    signed: ClassVar[bool] = True
    """Whether negative numbers can be stored."""

    @property
    def random(self) -> bool:
        """Whether `encode` rounds by random bits."""
        return False

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape takes less memory in this format.

        Args:
          shape: the shape of the array.
        """
        return True

    def __repr__(self) -> str:
        shown = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return f"formats.{type(self).__name__}({', '.join(shown)})"

    @abstractmethod
    def encode(self, x: Array, salt: Array | None = None) -> Stored:
        """An array in this format.

        Args:
          x: the array, real and of at most 32 bits, with at least one axis.
          salt: a uint32 number for a stochastic format, which rounds by other random bits with another one.
            Without it the format rounds to nearest.
        """

    @abstractmethod
    def decode(self, stored: Stored) -> Array:
        """The array from its codes.

        Args:
          stored: a stored array of this format.
        """

    @abstractmethod
    def nbytes(self, shape: tuple[int, ...]) -> int:
        """The bytes that an array takes in this format.

        Args:
          shape: the shape of the array.
        """


class Whole(Format, ABC):
    """A format that stores each number by itself."""

    def decode(self, stored: Stored) -> Array:
        return stored.codes.astype(stored.dtype)

    def nbytes(self, shape: tuple[int, ...]) -> int:
        return math.prod(shape) * np.dtype(self.code_dtype).itemsize


@dataclass(frozen=True, repr=False)
class Blocks(Format, ABC):
    """A format of numbers relative to the largest magnitude of their block along the last axis.

    A block with a number that is not finite, or with a negative one in an unsigned format, decodes to NaN.
    """

    block: int

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ValueError(f"{type(self).__name__}: block must be at least 1, got {self.block}.")

    @abstractmethod
    def to_codes(self, y: Array, bits: Array | None) -> Array:
        """The codes of numbers between -1, or 0, and 1."""

    @abstractmethod
    def from_codes(self, codes: Array) -> Array:
        """The numbers of these codes, in float32."""

    def encode(self, x: Array, salt: Array | None = None) -> Stored:
        length = block_length(x.shape, self.block)
        wide = in_blocks(x.astype(jnp.float32), length)
        scales = scales_of(wide, signed=self.signed)
        y = _relative(wide, jnp.where(scales == 0, 1, scales)[..., None])
        # The bits of the places in `x`, made in blocks: XLA is slow to rearrange them.
        strides = (*strides_of(x.shape)[:-1], length, 1)
        bits = random_bits(wide, salt, strides) if self.random and salt is not None else None
        codes = self.to_codes(y, bits)
        return Stored(from_blocks(codes, x), scales, self, x.dtype)

    def decode(self, stored: Stored) -> Array:
        codes = in_blocks(stored.codes, block_length(stored.shape, self.block))
        values = self.from_codes(codes) * stored.scales[..., None]
        return from_blocks(values, stored.codes).astype(stored.dtype)

    def takes(self, shape: tuple[int, ...]) -> bool:
        return bool(shape) and shape[-1] >= SHORTEST

    def nbytes(self, shape: tuple[int, ...]) -> int:
        blocks = math.prod(shape[:-1]) * -(-shape[-1] // block_length(shape, self.block))
        return math.prod(shape) + 4 * blocks


def _relative(x: Array, scale: Array) -> Array:
    """`x / scale` by a product, since a division of each number takes as long as five of them."""
    # The inverse of the largest floats would be subnormal, and count as 0.
    unit = jnp.where(scale > 1, 0.25, 1.0)
    return (x * unit) * (1 / (scale * unit))

"""The dynamic map of 8-bit Adam."""

from dataclasses import dataclass, field
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.formats._format import Blocks

_DECADES = 7


@dataclass(frozen=True, repr=False)
class dynamic8(Blocks):
    r"""The block-wise dynamic map of 8-bit Adam: decades, each with twice as many numbers as the one below.

    With $n_i = 2^i$ signed, and $2^{i+1}$ unsigned, decade $i = 0, \dots, 6$ has the numbers

    $$y = 10^{i-6} \left(0.1 + 0.9\,\frac{k + \tfrac12}{n_i}\right), \qquad k = 0, \dots, n_i - 1,$$

    and there are 0 and 1, the largest magnitude of the block. A number is rounded to the nearest one, by
    arithmetic. It takes 1.02 bytes a number with a block of 256.

    `int8` and `uint8` are more exact and faster. This format is for comparisons with the paper.

    **Source**: Dettmers et al. (2022), *8-bit Optimizers via Block-wise Quantization*, arXiv:2110.02861,
    section 2. **Departure**: an unsigned positive number never gets the code of 0, without which one large
    gradient among small ones makes directions of 40,000.

    Args:
      signed: whether there are negative numbers.
      block: the numbers that share a scale.

    >>> import jax.numpy as jnp
    >>> dynamic8(signed=True).encode(jnp.array([1.0, 0.55, 0.0, -0.01])).decode()
    Array([ 1.        ,  0.5570312 ,  0.        , -0.00971875], dtype=float32)
    """

    block: int = field(default=256, kw_only=True)
    signed: bool = field()  # pyright: ignore[reportIncompatibleVariableOverride]

    code_dtype: ClassVar = jnp.uint8

    def to_codes(self, y: Array, bits: Array | None) -> Array:
        size, first = jnp.abs(y), 1 if self.signed else 2
        counts = first * 2.0 ** np.arange(_DECADES)
        bounds = 10.0 ** (np.arange(_DECADES - 1) - 6.0) * (1 + 0.9 / counts[:-1])
        decade = jnp.zeros(size.shape, jnp.int32)
        for bound in bounds.astype(np.float32):
            decade += (size >= bound).astype(jnp.int32)
        n = jnp.exp2(decade.astype(jnp.float32)) * first
        place = jnp.floor(size * n * _power_of_ten(6 - decade) / 0.9 + 8 * n / 9)
        place = jnp.clip(place, n, 2 * n - 1)
        place = jnp.where(size >= 1 - 0.225 / counts[-1], 2 * counts[-1], place)
        place = jnp.where(size < 1e-6 * (0.05 + 0.225 / first), 0, place).astype(jnp.int32)
        if self.signed:
            return jnp.where(y < 0, 127 - jnp.minimum(place, 127), 127 + place).astype(jnp.uint8)
        return jnp.where(y > 0, jnp.maximum(place - 1, 1), 0).astype(jnp.uint8)

    def from_codes(self, codes: Array) -> Array:
        code = codes.astype(jnp.int32)
        place, first = (jnp.abs(code - 127), 1) if self.signed else (code + 1, 2)
        # The exponent of `place` is the decade.
        decade = jnp.frexp(place.astype(jnp.float32) / first)[1] - 1
        n = jnp.exp2(decade.astype(jnp.float32)) * first
        size = (place.astype(jnp.float32) + 0.5 - 8 * n / 9) * 0.9 / n / _power_of_ten(6 - decade)
        size = jnp.where(place < first, 0, jnp.where(decade == _DECADES, 1, size))
        return jnp.where(code < 127, -size, size) if self.signed else size


def _power_of_ten(exponent: Array) -> Array:
    """Powers of ten from 0 to 6, exactly."""
    return jnp.select([exponent == power for power in range(6)], [10.0**p for p in range(6)], 1e6)

"""Formats of eight bits, in which the spacing of the numbers follows a power of their size."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from gradtx.formats._format import Blocks
from gradtx.formats._random_bits import uniform


@dataclass(frozen=True, repr=False)
class int8(Blocks):
    r"""Signed numbers in 8 bits, by softsign, rounded to nearest: for averages of gradients.

    $$c = \operatorname{round}\!\left(127\,\frac{2y}{1 + |y|}\right), \qquad
      y = \frac{c}{254 - |c|}, \qquad y = \frac{x}{\max_{\text{block}} |x|}$$

    Small numbers are four times as exact as large ones: the step of two neighbours is $s/254$ at 0 and
    $4s/254$ at the largest magnitude $s$. It takes 1.02 bytes a number with a block of 256.

    **Source**: the curve is that of FlashOptim (arXiv:2602.23349). **Departure**: blocks lie along the last
    axis, and scales are float32; a float16 scale loses averages below $6 \cdot 10^{-8}$.

    Args:
      block: the numbers that share a scale.

    >>> import jax.numpy as jnp
    >>> int8().encode(jnp.array([0.5, -1.0, 0.0])).codes
    Array([  85, -127,    0], dtype=int8)
    """

    block: int = 256

    code_dtype: ClassVar = jnp.int8

    def to_codes(self, y: Array, bits: Array | None) -> Array:
        return jnp.round(254 * y / (1 + jnp.abs(y))).astype(jnp.int8)

    def from_codes(self, codes: Array) -> Array:
        c = codes.astype(jnp.float32)
        return c / (254 - jnp.abs(c))


_COARSE = 8
"""The number of codes from 0 whose neighbours differ by more than half."""

_ROUNDING = 1e-4
"""The part of a step that counts as nothing: more than the error of a root in float32."""


@dataclass(frozen=True, repr=False)
class uint8(Blocks):
    r"""Numbers from 0 in 8 bits, by the fourth root: for averages of squared gradients.

    $$c = 255\, y^{1/4}, \qquad y = \left(\frac{c}{255}\right)^4, \qquad y = \frac{x}{\max_{\text{block}} x}$$

    A stochastic code is one of the two neighbours $a \le y < b$, the upper one with the probability
    $(y - a) / (b - a)$: the mean of the decoded number is $x$. So an average falls by steps that are smaller
    than the distance of two codes; rounded to nearest, it stands still. A positive number never gets the
    code 0: an update divided by its root would be out of all proportion. The codes below 8 stand for less
    than a millionth of the largest number and are far apart: a number there becomes the upper one, so that
    a step may be too small and never too large. It takes 1.02 bytes a number with a block of 256. A block
    with a negative number decodes to NaN.

    Args:
      block: the numbers that share a scale.
      stochastic: whether `encode` uses random bits.

    >>> import jax.numpy as jnp
    >>> uint8().encode(jnp.array([1.0, 0.0625, 1e-30, 0.0])).codes  # the root of 1/16 is 1/2
    Array([255, 128,   1,   0], dtype=uint8)
    """

    block: int = 256
    stochastic: bool = True

    code_dtype: ClassVar = jnp.uint8
    signed: ClassVar = False

    @property
    def random(self) -> bool:
        return self.stochastic

    def to_codes(self, y: Array, bits: Array | None) -> Array:
        code = 255 * jnp.sqrt(jnp.sqrt(y))
        if bits is None:
            return jnp.where(y > 0, jnp.maximum(jnp.round(code), 1), 0).astype(jnp.uint8)
        a = jnp.minimum(jnp.floor(code), 254)
        step = (2 * a + 1) * (2 * a * (a + 1) + 1)  # (a + 1)^4 - a^4
        chance = jnp.where(a < _COARSE, _ROUNDING * a, uniform(bits))  # 0 for a positive number below code 1
        return jnp.where(chance * step < 255.0**4 * y - jnp.square(jnp.square(a)), a + 1, a).astype(jnp.uint8)

    def from_codes(self, codes: Array) -> Array:
        return jnp.square(jnp.square(codes.astype(jnp.float32) * (1 / 255)))

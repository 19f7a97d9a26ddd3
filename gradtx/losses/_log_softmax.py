"""The logarithm of a softmax over classes, some of which may not count."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class LogSoftmax(NamedTuple):
    """The logarithm of a softmax, in parts that lose no digits: `shifted - normalizer` is its value."""

    shifted: Array
    normalizer: Array
    largest: Array

    @property
    def values(self) -> Array:
        """The logarithms of the probabilities."""
        return self.shifted - self.normalizer

    @property
    def log_sum(self) -> Array:
        """The logarithm of the sum of the exponentials of the scores."""
        return self.normalizer + self.largest


def log_softmax(x: Array, axes: tuple[int, ...], mask: Array) -> LogSoftmax:
    """The logarithm of the softmax over the classes that count; where none counts, that of equal scores."""
    some = jnp.any(mask, axes, keepdims=True)
    x = jnp.where(mask, x, jnp.where(some, -jnp.inf, 0.0).astype(x.dtype))
    largest = jax.lax.stop_gradient(jnp.max(x, axes, keepdims=True))
    largest = jnp.where(jnp.isneginf(largest), 0, largest)
    shifted = x - largest
    return LogSoftmax(shifted, jnp.log(jnp.sum(jnp.exp(shifted), axes, keepdims=True)), largest)

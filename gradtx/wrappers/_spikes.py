"""The usual size of a number, such as the norm of a gradient, and the spikes above it."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import interpolate, root
from gradtx.tree import as_scalar, number

_LEAST_SPIKE = 1e-3  # of the mean


class Statistics(NamedTuple):
    """The running mean and variance of one number, over the accepted batches."""

    mean: Array
    variance: Array

    def compared(self, x: Array, max_deviations: Any) -> tuple[Array, Array]:
        """Whether `x` is a spike, and the number to which it is shortened if it is one."""
        longest = as_scalar(max_deviations) * root(self.variance)
        excess = x - self.mean
        is_spike = excess > jnp.maximum(longest, _LEAST_SPIKE * jnp.abs(self.mean))
        # z_max² / z standard deviations, with the excess of z standard deviations.
        return is_spike, self.mean + longest**2 / jnp.where(is_spike, excess, 1.0)

    def with_value(self, x: Array, weight: Array, plain: Array) -> "Statistics":
        """The statistics with `x` in them, of this weight; `plain` for a plain average of all values."""
        mean = interpolate(self.mean, x, weight)
        # In a plain average both distances together give the variance of all values so far, exactly.
        distance = x - jnp.where(plain, self.mean, mean)
        return Statistics(mean, interpolate(self.variance, distance * (x - mean), weight))


def no_statistics() -> Statistics:
    """The statistics before the first value."""
    return Statistics(number(), number())

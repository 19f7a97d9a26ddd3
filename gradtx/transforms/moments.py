"""Arithmetic that the averaging rules share, as functions of arrays and scalars.

An average is handled by its complement c = 1 - decay alone: the step, the bias correction and the decay
all follow from c. In float32 0.999 and 1 - 0.999 each round, and 1 - 0.999**t made from the former is off
by 1e-5; formed from one c in double, everything agrees to rounding.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def complement(decay: Any) -> Any:
    """1 - decay, formed in double precision while the decay is a concrete number."""
    return 1.0 - (float(decay) if _is_concrete(decay) else decay)


def ema_step(average: jax.Array, value: jax.Array, c: jax.Array) -> jax.Array:
    """One step of an exponential moving average: (1 - c) * average + c * value."""
    return average + c * (value - average)


def correction(c: Any, count: Any) -> jax.Array:
    """1 - (1 - c)**count: the sum of the weights that an average has given to its values so far.

    Dividing an average by it removes the bias towards its start at zero (Kingma and Ba 2015, section 3).
    """
    with np.errstate(divide="ignore"):  # c = 1: the average is its last value, and the correction is 1
        log_decay = np.log1p(-c) if _is_concrete(c) else jnp.log1p(-c)
    steps = jnp.asarray(count).astype(float)
    return -jnp.expm1(steps * jnp.asarray(log_decay).astype(float))


def _is_concrete(number: Any) -> bool:
    return not isinstance(number, jax.Array)

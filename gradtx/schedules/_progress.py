"""The arithmetic that schedules share: the progress of a transition, and numbers between its two ends."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike


def as_float(number: ArrayLike) -> Array:
    """A schedule's parameter, or the count, in the default float dtype."""
    return jnp.asarray(number, dtype=float)


def elapsed(count: Array, begin: ArrayLike) -> Array:
    """The number of steps since `begin`: 0 before it."""
    return jnp.maximum(as_float(count) - as_float(begin), 0.0)


def progress(count: Array, steps: ArrayLike, begin: ArrayLike = 0.0) -> tuple[Array, Array]:
    """The part of a transition of `steps` steps that is done, and the part that is left, both in [0, 1].

    Each is rounded on its own. One minus the other would lose every digit close to the end, and with them
    the last values of a decay to zero. A transition of no steps never begins: the part that is done is 0.
    """
    steps = as_float(steps)
    passed = jnp.minimum(elapsed(count, begin), steps)
    length = jnp.where(steps > 0, steps, 1.0)
    return passed / length, (length - passed) / length


def blend(init_value: ArrayLike, end_value: ArrayLike, done: Array, left: Array) -> Array:
    """A number between two: exactly the first at `left = 1`, and exactly the second at `done = 1`."""
    return as_float(init_value) * left + as_float(end_value) * done


def power(base: float | Array, exponent: Array) -> Array:
    """base**exponent, corrected for the rounding of a concrete base to float32.

    The float32 next to 0.9999 differs from it by 2e-8, and the 100000th power by a thousandth.
    """
    rounded = as_float(base)
    if isinstance(base, Array):
        return rounded**exponent
    lost = np.log(float(base) / float(np.asarray(base, rounded.dtype)))
    return rounded**exponent * jnp.exp(exponent * as_float(lost))

"""The arithmetic that schedules share: the progress of a transition, and numbers between its two ends."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

_LARGEST_COUNT = 2**31 - 1


def as_float(number: ArrayLike) -> Array:
    """A schedule's parameter, or the count, in the default float dtype."""
    return jnp.asarray(number, dtype=float)


def as_steps(*numbers: Any) -> list[Array]:
    """Counts and numbers of steps, as integers where all of them are whole and known, and else as floats.

    In float32 the integers above 2^24 are further apart than 1.
    """
    dtype = int if all(map(_is_whole, numbers)) else float
    return [jnp.asarray(number, dtype=dtype) for number in numbers]


def _is_whole(number: Any) -> bool:
    if isinstance(number, Array | np.ndarray):  # of floats, the values need not be known
        return jnp.issubdtype(number.dtype, jnp.integer)
    return float(number).is_integer() and number <= _LARGEST_COUNT


def difference(count: Array, begin: ArrayLike) -> Array:
    """The number of steps since `begin`, negative before it."""
    count, begin = as_steps(count, begin)
    return count - begin


def elapsed(count: Array, begin: ArrayLike) -> Array:
    """The number of steps since `begin`: 0 before it."""
    return jnp.maximum(difference(count, begin), 0)


def progress(count: Array, steps: ArrayLike, begin: ArrayLike = 0.0) -> tuple[Array, Array]:
    """The part of a transition of `steps` steps that is done, and the part that is left, both in [0, 1].

    Each is rounded on its own. One minus the other would lose every digit close to the end, and with them
    the last values of a decay to zero. A transition of no steps never begins: the part that is done is 0.
    """
    passed, steps = as_steps(elapsed(count, begin), steps)
    passed = jnp.minimum(passed, steps)
    length = jnp.where(steps > 0, steps, 1)
    return as_float(passed) / as_float(length), as_float(length - passed) / as_float(length)


def periods(count: Array, steps: ArrayLike, begin: ArrayLike = 0.0, *, whole: bool = False) -> Array:
    """The number of times that `steps` steps have passed since `begin`; 0 where `steps` is 0."""
    passed, steps = as_steps(elapsed(count, begin), steps)
    length = jnp.where(steps > 0, steps, 1)
    # `//` and not the floor of `/`: t / T rounds up to an integer where T is large and t just below k T.
    done = passed // length if whole else as_float(passed) / as_float(length)
    return jnp.where(steps > 0, as_float(done), 0.0)


def blend(init_value: ArrayLike, end_value: ArrayLike, done: Array, left: Array) -> Array:
    """A number between two: exactly the first at `left = 1`, and exactly the second at `done = 1`."""
    return as_float(init_value) * left + as_float(end_value) * done


def fraction_power(fraction: Array, exponent: ArrayLike) -> Array:
    """fraction**exponent for a fraction in [0, 1], whose derivative at 0 is 0 instead of infinite."""
    exponent = as_float(exponent)
    positive = fraction > 0
    at_zero = jnp.where(exponent > 0, 0.0, 1.0)
    return jnp.where(positive, jnp.where(positive, fraction, 1.0) ** exponent, at_zero)


def fraction_root(fraction: Array) -> Array:
    """The square root of a fraction, whose derivative at 0 is 0 instead of infinite."""
    positive = fraction > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, fraction, 1.0)), 0.0)


def power(base: float | Array, exponent: Array) -> Array:
    """base**exponent, corrected for the rounding of a concrete base to float32.

    The float32 next to 0.9999 differs from it by 2e-8, and the 100000th power by a thousandth.
    """
    rounded = as_float(base)
    if isinstance(base, Array):
        return rounded**exponent
    lost = np.log(float(base) / float(np.asarray(base, rounded.dtype)))
    return rounded**exponent * jnp.exp(exponent * as_float(lost))

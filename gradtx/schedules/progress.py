"""How far a transition has come, and numbers between its two ends: the arithmetic that schedules share."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def as_float(number: Any) -> jax.Array:
    """A schedule's parameter, or the count, in the default float dtype."""
    return jnp.asarray(number, dtype=float)


def elapsed(count: jax.Array, begin: Any) -> jax.Array:
    """The number of steps since `begin`: 0 before it."""
    return jnp.maximum(as_float(count) - as_float(begin), 0.0)


def progress(count: jax.Array, steps: Any, begin: Any = 0.0) -> tuple[jax.Array, jax.Array]:
    """What part of a transition of `steps` steps is done, and what part is left: two fractions in [0, 1].

    Each is rounded on its own. One minus the other would lose every digit close to the end, and with it
    the last values of a decay to zero. A transition of no steps never begins: nothing of it is done.
    """
    steps = as_float(steps)
    passed = jnp.minimum(elapsed(count, begin), steps)
    length = jnp.where(steps > 0, steps, 1.0)
    return passed / length, (length - passed) / length


def blend(init_value: Any, end_value: Any, done: jax.Array, left: jax.Array) -> jax.Array:
    """The number between two: the first at `left = 1`, the second at `done = 1`, each exactly."""
    return as_float(init_value) * left + as_float(end_value) * done


def power(base: Any, exponent: jax.Array) -> jax.Array:
    """base**exponent, which gives back what a concrete base loses when it is rounded to float32.

    The float32 next to 0.9999 differs from it by 2e-8, and its power 100000 by a thousandth.
    """
    rounded = as_float(base)
    if isinstance(base, jax.Array):
        return rounded**exponent
    lost = np.log(float(base) / float(np.asarray(base, rounded.dtype)))
    return rounded**exponent * jnp.exp(exponent * as_float(lost))

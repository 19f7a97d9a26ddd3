"""The arithmetic of exponential moving averages.

An average is described by the complement c = 1 - decay alone: the step, the bias correction and the decay
follow from c. In float32, 0.999 and 1 - 0.999 are each rounded, and 1 - 0.999**t from the rounded decay has
an error of 1e-5. With one c in double precision, all three agree up to rounding.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gradtx.arithmetic._elementwise import quotient
from gradtx.arithmetic._norms import root


def complement(decay: Any) -> Any:
    """1 - decay, in double precision for a concrete decay."""
    return 1.0 - (float(decay) if _is_concrete(decay) else decay)


def correction(c: Any, count: Any, lookahead: int = 0) -> jax.Array:
    """1 - (1 - c)**(count + lookahead): the sum of the weights of an average after `count` updates.

    An average divided by it has no bias towards its initial value of zero (Kingma and Ba 2015, section 3).
    Under a schedule it is computed from the current decay, as if the decay had been constant.
    """
    steps = jnp.asarray(count).astype(float) + lookahead
    if _is_concrete(c):
        with np.errstate(divide="ignore"):  # c = 1: the average is its last value, and the correction is 1
            return -jnp.expm1(steps * jnp.asarray(np.log1p(-c)).astype(float))
    last = c == 1  # log1p has no derivative there
    gradual = -jnp.expm1(steps * jnp.log1p(-jnp.where(last, 0.0, c)))
    return jnp.where(last, 1.0 - (1.0 - c) ** steps, gradual)


def one_correction(c1: Any, c2: Any, count: Any) -> jax.Array:
    """Both corrections of Adam as one factor of its step, with which epsilon is not corrected."""
    return root(correction(c2, count)) / correction(c1, count)


class Weight(NamedTuple):
    """The weight of the new value in an average."""

    c: Any


class Average(NamedTuple):
    """The weight of the new value in an average, and the correction of that average, 1 for none."""

    c: Any
    correction: Any


def average(decay: Any, count: Any, debias: bool = True) -> Average:
    """The numbers of one average with this decay at this count."""
    c = complement(decay)
    return Average(c, correction(c, count) if debias else 1.0)


class Moments(NamedTuple):
    """The numbers that Adam and its variants compute once a step from their two decays."""

    c1: Any
    c2: Any
    correction1: Any
    correction2: Any
    next_correction1: Any = None


def moments(b1: Any, b2: Any, count: Any, lookahead: bool = False) -> Moments:
    """The complements of the decays and their corrections at `count`; `lookahead` adds the next one of b1."""
    c1, c2 = complement(b1), complement(b2)
    following = correction(c1, count, lookahead=1) if lookahead else None
    return Moments(c1, c2, correction(c1, count), correction(c2, count), following)


def corrected_mu(once: Any, mu: jax.Array, g: jax.Array) -> jax.Array:
    """The corrected first moment, from the numbers of `moments`.

    With the next correction among them it looks one step ahead: g stands for the next gradient, and each term
    is corrected.
    """
    if once.next_correction1 is None:
        return mu / once.correction1
    return (1 - once.c1) * mu / once.next_correction1 + once.c1 * g / once.correction1


def normalized(first: jax.Array, nu: jax.Array, correction2: Any, eps: Any, eps_root: Any) -> jax.Array:
    """A corrected first moment over the root of the corrected second one: the direction of Adam."""
    return quotient(first, root(nu / correction2 + eps_root) + eps)


def _is_concrete(number: Any) -> bool:
    return not isinstance(number, jax.Array)

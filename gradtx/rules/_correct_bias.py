"""Bias correction: an average that starts at zero, divided by the sum of the weights it has given."""

from typing import Any, NamedTuple

from jax import Array

from gradtx.arithmetic import complement, correction
from gradtx.core import Number, Rule, decay_factor, static


class BiasCorrectionState(NamedTuple):
    """The state of `correct_bias`: how many updates there were."""

    count: Any


class correct_bias(Rule, state=BiasCorrectionState):
    r"""Divides by the sum of the weights that an exponential moving average has given so far.

    $$u_t = \frac{g_t}{1 - b^{\,t + \text{lookahead}}}$$

    where $b$ is `decay`, that of the average before it in the chain, and $t$ counts from 1. With a scheduled
    `decay`, $b$ is its current value, as if it had held from the start. A `lookahead` above 0 corrects as if
    that many more updates had come, as Nesterov's form of Adam does with its momentum.

    **State**: `BiasCorrectionState(count)`, an int32 scalar.

    **Reference**: Kingma and Ba (2015), *Adam: A Method for Stochastic Optimization*, arXiv:1412.6980,
    section 3; Dozat (2016), *Incorporating Nesterov Momentum into Adam*, for `lookahead`.

    >>> import jax.numpy as jnp
    >>> tx = correct_bias(decay=0.75)
    >>> print(f"{tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)))[0]:.3f}")
    4.000
    """

    decay: Number = decay_factor(doc="the decay of the average")
    lookahead: int = static(default=0, low=0, doc="the number of updates by which to look ahead")

    class Once(NamedTuple):
        """The sum of the weights."""

        correction: Array

    def once(self, count: Array) -> Once:
        return self.Once(correction(complement(self.decay), count, self.lookahead))

    def leaf(self, once: Once, g: Array) -> Array:
        return g / once.correction

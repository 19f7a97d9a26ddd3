"""Adamax's direction: Adam's with a decaying maximum in place of the root of the average square."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import Weight, complement, correction, interpolate, quotient
from gradtx.core import Number, Rule, decay_factor, hyperparameter
from gradtx.rules._adam import ScaleByAdamState


class InfinityMomentState(NamedTuple):
    """The state of `infinity_moment`: the decayed maximum, real, in the shape of the parameters."""

    nu: Any


class infinity_moment(Rule, state=InfinityMomentState, real=("nu",)):
    r"""Replaces the updates by a decaying maximum of their magnitudes.

    $$\nu_t = \max(b_2\,\nu_{t-1},\; |g_t| + \epsilon), \qquad u_t = \nu_t$$

    where $\epsilon$ is `eps`. The maximum is the limit of the $p$-th root of an average of $p$-th powers, as
    $p$ grows without bound. With a `b2` of 1 nothing decays.

    **State**: `InfinityMomentState(nu)`, shaped as the parameters, float32 or wider; real.

    **Reference**: Kingma and Ba (2015), arXiv:1412.6980, section 7.1, equation 12, without epsilon.

    >>> import jax.numpy as jnp
    >>> tx = infinity_moment(b2=0.5)
    >>> _, state = tx.update(jnp.array(-4.0), tx.init(jnp.array(0.0)))
    >>> tx.update(jnp.array(1.0), state)[0]
    Array(2., dtype=float32)
    """

    b2: Number = hyperparameter(default=0.999, low=0.0, high=1.0, doc="the decay of the maximum")
    eps: Number = hyperparameter(default=0.0, low=0.0, doc="added to each magnitude")

    def once(self) -> Weight:
        return Weight(complement(self.b2))

    def leaf(self, once: Weight, g: Array, nu: Array) -> tuple[Array, Array]:
        nu = _decayed_maximum(g, nu, once.c, self.eps)
        return nu, nu


class scale_by_adamax(Rule, state=ScaleByAdamState, real=("nu",), role="normalizes"):
    r"""Adamax's direction.

    $$\mu_t = b_1 \mu_{t-1} + (1 - b_1)\,g_t, \qquad \nu_t = \max(b_2\,\nu_{t-1},\; |g_t| + \epsilon), \qquad
      u_t = \frac{\mu_t}{(1 - b_1^t)\,\nu_t}$$

    where $\epsilon$ is `eps`. The maximum needs no correction of its bias. $u_t$ is 0 where $\nu_t$ is 0.

    **State**: `ScaleByAdamState(count, mu, nu)`, that of `scale_by_adam`.

    **Reference**: Kingma and Ba (2015), *Adam: A Method for Stochastic Optimization*, arXiv:1412.6980,
    algorithm 2, which has no epsilon: that is `eps=0.0`. Epsilon is added at the place at which Optax and
    PyTorch add it.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_adamax(b1=0.0, b2=0.5)
    >>> _, state = tx.update(jnp.array(-4.0), tx.init(jnp.array(0.0)))
    >>> tx.update(jnp.array(1.0), state)[0]
    Array(0.5, dtype=float32)
    """

    b1: Number = decay_factor(default=0.9, doc="the decay of the average gradient")
    b2: Number = hyperparameter(default=0.999, low=0.0, high=1.0, doc="the decay of the maximum")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to each magnitude")

    class Once(NamedTuple):
        """The complements of the decays, and the correction of the average gradient."""

        c1: Any
        c2: Any
        correction: Any

    def once(self, count: Array) -> Once:
        c1 = complement(self.b1)
        return self.Once(c1, complement(self.b2), correction(c1, count))

    def leaf(self, once: Once, g: Array, mu: Array, nu: Array) -> tuple[Array, Array, Array]:
        mu = interpolate(mu, g, once.c1)
        nu = _decayed_maximum(g, nu, once.c2, self.eps)
        return quotient(mu / once.correction, nu), mu, nu


def _decayed_maximum(g: Array, nu: Array, c2: Array, eps: Array) -> Array:
    return jnp.maximum(nu - c2 * nu, jnp.abs(g) + eps)

"""ACProp's direction: the gradient over the typical distance of earlier gradients from their average."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import abs_squared, bounded, complement, correction, interpolate, quotient, root
from gradtx.core import Number, Rule, decay_factor, hyperparameter
from gradtx.rules._adabelief import ScaleByBeliefState


class scale_by_acprop(Rule, state=ScaleByBeliefState, real=("nu",), role="normalizes", squares=True):
    r"""ACProp's direction: the gradient itself over AdaBelief's denominator of the update before.

    $$\mu_t = b_1 \mu_{t-1} + (1 - b_1)\,g_t, \qquad
      \nu_t = b_2 \nu_{t-1} + (1 - b_2)\,|g_t - \mu_t|^2 + \epsilon_\text{root}$$
    $$u_t = \frac{g_t}{\sqrt{\nu_{t-1} / (1 - b_2^{t-1})} + \epsilon}, \qquad u_1 = g_1$$

    where $\epsilon$ is `eps` and $\epsilon_\text{root}$ is `eps_root`. The denominator is independent of the
    gradient that it divides (*asynchronous*), so that the expected step points along the expected gradient.
    The average centers the second moment, and enters the step in no other way. The first gradient, for which
    there is no denominator, is its own direction.

    **State**: `ScaleByBeliefState(count, mu, nu)`, that of `scale_by_belief`.

    **Reference**: Zhuang et al. (2021), *Momentum Centering and Asynchronous Update for Adaptive Gradient
    Methods*, arXiv:2110.05454, with the correction of the bias and the first step of the authors' code.
    Optax squares the distance $g_t - \mu_{t-1}$ from the average before, which is $1/b_1$ times as large.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_acprop(b1=0.5, b2=0.5)
    >>> update, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
    >>> update, tx.update(jnp.array(-6.0), state)[0]  # 4, then -6 over the distance of 4 from its average 2
    (Array(4., dtype=float32), Array(-3., dtype=float32))
    """

    b1: Number = decay_factor(default=0.9, doc="the decay of the average gradient")
    b2: Number = decay_factor(default=0.999, doc="the decay of the average squared distance")
    eps: Number = hyperparameter(default=1e-16, low=0.0, doc="added to the root")
    eps_root: Number = hyperparameter(default=1e-16, low=0.0, doc="added to the average squared distance")

    class Once(NamedTuple):
        """The complements of the decays, the correction before this update, and whether it is the first."""

        c1: Any
        c2: Any
        correction2: Any
        first: Any

    def once(self, count: Array) -> Once:
        c2, first = complement(self.b2), count == 1
        return self.Once(
            complement(self.b1), c2, jnp.where(first, 1.0, correction(c2, count, lookahead=-1)), first
        )

    def leaf(self, once: Once, g: Array, mu: Array, nu: Array) -> tuple[Array, Array, Array]:
        size = jnp.where(once.first, 1.0, root(nu / once.correction2) + self.eps)
        direction = quotient(g, size)
        mu = interpolate(mu, g, once.c1)
        nu = interpolate(nu, abs_squared(bounded(g - mu)) + self.eps_root / once.c2, once.c2)
        return direction, mu, nu

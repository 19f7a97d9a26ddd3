"""AdaBelief's direction: the average gradient over the typical distance of gradients from it."""

from typing import Any, NamedTuple

from jax import Array

from gradtx.arithmetic import Moments, abs_squared, bounded, corrected_mu, interpolate, moments, normalized
from gradtx.core import Number, decay_factor, hyperparameter, static
from gradtx.rules._adam import TwoMoments


class ScaleByBeliefState(NamedTuple):
    """The state of `scale_by_belief`: the count, the average, and the average squared distance from it."""

    count: Any
    mu: Any
    nu: Any


class scale_by_belief(TwoMoments, state=ScaleByBeliefState, squares=True):
    r"""AdaBelief's direction: Adam's with the squared distance from the average in place of the square.

    $$\mu_t = b_1 \mu_{t-1} + (1 - b_1)\,g_t, \qquad
      \nu_t = b_2 \nu_{t-1} + (1 - b_2)\,|g_t - \mu_t|^2 + \epsilon_\text{root}$$
    $$u_t = \frac{\mu_t / (1 - b_1^t)}{\sqrt{\nu_t / (1 - b_2^t)} + \epsilon}$$

    where $\epsilon$ is `eps` and $\epsilon_\text{root}$ is `eps_root`, which enters the recursion and
    accumulates there to $\epsilon_\text{root} / (1 - b_2)$ in the limit. Gradients near their average give a
    large step, and gradients far from it a small one. `nesterov` is as in `scale_by_adam`.

    **State**: `ScaleByBeliefState(count, mu, nu)`: an int32 scalar and two trees shaped as the parameters, in
    float32 or wider; `nu` is real.

    **Reference**: Zhuang et al. (2020), *AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed
    Gradients*, arXiv:2010.07468, algorithm 2, which has one number for both epsilons.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_belief()
    >>> update, state = tx.update(jnp.array(-0.3), tx.init(jnp.array(0.0)))
    >>> print(f"{update:.3f}")  # the distance of the first gradient from the average is 0.9 of its size
    -1.111
    """

    b2: Number = decay_factor(default=0.999, doc="the decay of the average squared distance")
    eps: Number = hyperparameter(default=1e-16, low=0.0, doc="added to the root")
    eps_root: Number = hyperparameter(default=1e-16, low=0.0, doc="added to the average squared distance")
    nesterov: bool = static(default=False, kw_only=True, doc="whether the numerator looks one step ahead")

    def once(self, count: Array) -> Moments:
        return moments(self.b1, self.b2, count, lookahead=self.nesterov)

    def leaf(self, once: Moments, g: Array, mu: Array, nu: Array) -> tuple[Array, Array, Array]:
        mu = interpolate(mu, g, once.c1)
        # `eps_root` enters beside the new square. If it were added to the new average, XLA on CPU would
        # compute that sum again in the loop of the update, from the old average, and copy the old average.
        nu = interpolate(nu, abs_squared(bounded(g - mu)) + self.eps_root / once.c2, once.c2)
        first = corrected_mu(once, mu, g)
        return normalized(first, nu, once.correction2, self.eps, 0.0), mu, nu

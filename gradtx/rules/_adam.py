"""Adam's direction: the average gradient over the root of the average squared gradient."""

from typing import Any, NamedTuple

from jax import Array

from gradtx.arithmetic import Moments, abs_squared, corrected_mu, interpolate, moments, normalized
from gradtx.core import Number, Rule, decay_factor, hyperparameter, static, storage_dtype


class ScaleByAdamState(NamedTuple):
    """The state of `scale_by_adam`: how many updates there were, and the two averages."""

    count: Any
    mu: Any
    nu: Any


class TwoMoments(
    Rule, state=ScaleByAdamState, real=("nu",), role="normalizes", squares="averaged", abstract=True
):
    """A rule that divides an average gradient by the root of an average square."""

    b1: Number = decay_factor(default=0.9, doc="the decay of the average gradient")
    b2: Number = decay_factor(default=0.999, doc="the decay of the average square")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root")
    eps_root: Number = hyperparameter(default=0.0, low=0.0, doc="added inside the root")


class scale_by_adam(TwoMoments):
    r"""Adam's direction.

    $$\mu_t = b_1 \mu_{t-1} + (1 - b_1)\,g_t, \qquad \nu_t = b_2 \nu_{t-1} + (1 - b_2)\,|g_t|^2$$
    $$u_t = \frac{\hat\mu_t}{\sqrt{\hat\nu_t + \epsilon_\text{root}} + \epsilon}, \qquad
      \hat\mu_t = \frac{\mu_t}{1 - b_1^t}, \qquad \hat\nu_t = \frac{\nu_t}{1 - b_2^t}$$

    where $\epsilon$ is `eps` and $\epsilon_\text{root}$ is `eps_root`. With `nesterov`, the numerator looks
    one step ahead: $\hat\mu_t = b_1 \mu_t / (1 - b_1^{t+1}) + (1 - b_1)\,g_t / (1 - b_1^t)$.

    **State**: `ScaleByAdamState(count, mu, nu)`: an int32 scalar and two trees shaped as the parameters, in
    float32 or wider; `mu` in `mu_dtype` if given; `nu` is real for complex parameters.

    **Reference**: Kingma and Ba (2015), *Adam: A Method for Stochastic Optimization*, arXiv:1412.6980,
    algorithm 1; Dozat (2016), *Incorporating Nesterov Momentum into Adam*, for `nesterov`, with its
    momentum held constant.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_adam()
    >>> update, state = tx.update(jnp.array(-0.3), tx.init(jnp.array(0.0)))
    >>> print(f"{update:.3f}")  # the first direction is the sign of the gradient
    -1.000
    """

    mu_dtype: Any = storage_dtype(of="mu", default=None)
    nesterov: bool = static(default=False, kw_only=True, doc="whether the numerator looks one step ahead")

    def once(self, count: Array) -> Moments:
        return moments(self.b1, self.b2, count, lookahead=self.nesterov)

    def leaf(self, once: Moments, g: Array, mu: Array, nu: Array) -> tuple[Array, Array, Array]:
        mu = interpolate(mu, g, once.c1)
        nu = interpolate(nu, abs_squared(g), once.c2)
        first = corrected_mu(once, mu, g)
        return normalized(first, nu, once.correction2, self.eps, self.eps_root), mu, nu

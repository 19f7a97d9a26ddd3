"""NAdam's direction: Adam's one step ahead, with a momentum that rises."""

from typing import Any, NamedTuple

from jax import Array

from gradtx.arithmetic import abs_squared, complement, correction, interpolate, normalized
from gradtx.core import Number, Params, decay_factor, hyperparameter, storage_dtype, zero_count
from gradtx.rules._adam import TwoMoments
from gradtx.tree import as_scalar, moments_like, number


class ScaleByNadamState(NamedTuple):
    """The state of `scale_by_nadam`: the count, the two averages, and the product of all momenta."""

    count: Any
    mu: Any
    nu: Any
    mu_product: Any


class scale_by_nadam(TwoMoments, state=ScaleByNadamState, numbers=("count", "mu_product"), squares=True):
    r"""NAdam's direction: Adam's with Nesterov's look-ahead, by a momentum $m_t$ that rises to $b_1$.

    $$\mu_t = b_1 \mu_{t-1} + (1 - b_1)\,g_t, \qquad \nu_t = b_2 \nu_{t-1} + (1 - b_2)\,|g_t|^2, \qquad
      m_t = b_1 \big(1 - \tfrac12\,0.96^{\,t \psi}\big)$$
    $$u_t = \frac{\hat\mu_t}{\sqrt{\nu_t / (1 - b_2^t) + \epsilon_\text{root}} + \epsilon}, \qquad
      \hat\mu_t = \frac{m_{t+1}\,\mu_t}{1 - \prod_{i \le t+1} m_i}
      + \frac{(1 - m_t)\,g_t}{1 - \prod_{i \le t} m_i}$$

    where $\psi$ is `momentum_decay`, $\epsilon$ is `eps` and $\epsilon_\text{root}$ is `eps_root`. At a
    $\psi$ of 0.004 half of the rise is over after 4200 updates; at 0 the momentum stays $b_1 / 2$.
    `scale_by_adam(nesterov=True)` has the constant momentum $b_1$.

    **State**: `ScaleByNadamState(count, mu, nu, mu_product)`: an int32 scalar, two trees shaped as the
    parameters, in float32 or wider, and a float scalar; `mu` in `mu_dtype` if given; `nu` is real.

    **Reference**: Dozat (2015), *Incorporating Nesterov Momentum into Adam*, Stanford CS229 report, algorithm
    8, and PyTorch. In algorithm 2 of the ICLR workshop paper of that name (2016) the average decays by $m_t$
    as well, and $\nu_t$ has a further factor $b_2$. Optax's NAdam has the constant momentum.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_nadam(momentum_decay=0.0)
    >>> update, state = tx.update(jnp.array(-0.3), tx.init(jnp.array(0.0)))
    >>> print(f"{update:.4f}")  # 1 + 0.45 * 0.1 / (1 - 0.45**2), with the sign of the gradient
    -1.0564
    """

    b1: Number = decay_factor(
        default=0.9, doc="the decay of the average gradient, and the limit of the momentum"
    )
    mu_dtype: Any = storage_dtype(of="mu", default=None)
    momentum_decay: Number = hyperparameter(
        default=0.004, low=0.0, kw_only=True, doc=r"$\psi$: the rate at which the momentum rises"
    )

    class Once(NamedTuple):
        """The complements and the correction, the weights in the numerator, the product of the momenta."""

        c1: Any
        c2: Any
        correction2: Any
        weight_of_mu: Any
        weight_of_g: Any
        mu_product: Any

    def init(self, params: Params) -> ScaleByNadamState:
        return ScaleByNadamState(zero_count(), *moments_like(params, self.mu_dtype), number(1.0))

    def once(self, count: Array, mu_product: Array) -> Once:
        c1, c2, t = complement(self.b1), complement(self.b2), count.astype(float)
        current, following = self._momentum_complement(c1, t), self._momentum_complement(c1, t + 1)
        product = mu_product * (1 - current)
        weight_of_mu = (1 - following) / (1 - product * (1 - following))
        weight_of_g = current / (1 - product)
        return self.Once(c1, c2, correction(c2, count), weight_of_mu, weight_of_g, product)

    def leaf(self, once: Once, g: Array, mu: Array, nu: Array) -> tuple[Array, Array, Array]:
        mu = interpolate(mu, g, once.c1)
        nu = interpolate(nu, abs_squared(g), once.c2)
        first = once.weight_of_mu * mu + once.weight_of_g * g
        return normalized(first, nu, once.correction2, self.eps, self.eps_root), mu, nu

    def _momentum_complement(self, c1: Any, t: Array) -> Array:
        """1 - m_t."""
        return c1 + (1 - c1) * 0.5 * 0.96 ** (t * as_scalar(self.momentum_decay))

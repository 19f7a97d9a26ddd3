"""AMSGrad's direction: Adam with a second moment that never falls."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import Moments, abs_squared, average, interpolate, quotient, root
from gradtx.core import static, storage_dtype
from gradtx.rules._adam import TwoMoments


class ScaleByAmsgradState(NamedTuple):
    """The state of `scale_by_amsgrad`: the count, the two averages, and the maximum of the second."""

    count: Any
    mu: Any
    nu: Any
    nu_max: Any


class scale_by_amsgrad(TwoMoments, state=ScaleByAmsgradState, real=("nu", "nu_max")):
    r"""AMSGrad's direction: Adam's with the maximum of the second moments so far.

    $$u_t = \frac{\hat\mu_t}{\sqrt{\nu^{\max}_t + \epsilon_\text{root}} + \epsilon}, \qquad
      \nu^{\max}_t = \max(\nu^{\max}_{t-1}, \hat\nu_t)$$

    with $\hat\mu_t$ and $\hat\nu_t$ as in `scale_by_adam`, where a moment whose `bias_correction_*` is false
    stays uncorrected, $\epsilon$ the `eps` and $\epsilon_\text{root}$ the `eps_root`.

    **State**: `ScaleByAmsgradState(count, mu, nu, nu_max)`: an int32 scalar and three trees shaped as the
    parameters, in float32 or wider; `mu` in `mu_dtype` if given; the others are real.

    **Reference**: Reddi, Kale and Kumar (2018), *On the Convergence of Adam and Beyond*,
    arXiv:1904.09237, algorithm 2, which corrects no bias: that is both `bias_correction_*` false. By
    default the corrected second moment enters the maximum, as in Optax; PyTorch takes the maximum of the
    uncorrected moment and corrects the maximum.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_amsgrad(b1=0.0, b2=0.5)
    >>> _, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
    >>> tx.update(jnp.array(1.0), state)[0]  # Adam would divide by sqrt(6), the average square
    Array(0.25, dtype=float32)
    """

    mu_dtype: Any = storage_dtype(of="mu", default=None)
    bias_correction_mu: bool = static(default=True, doc="whether the first moment is corrected")
    bias_correction_nu: bool = static(default=True, doc="whether the second moment is corrected")

    def once(self, count: Array) -> Moments:
        c1, correction1 = average(self.b1, count, self.bias_correction_mu)
        c2, correction2 = average(self.b2, count, self.bias_correction_nu)
        return Moments(c1, c2, correction1, correction2)

    def leaf(
        self, once: Moments, g: Array, mu: Array, nu: Array, nu_max: Array
    ) -> tuple[Array, Array, Array, Array]:
        mu = interpolate(mu, g, once.c1)
        nu = interpolate(nu, abs_squared(g), once.c2)
        nu_max = jnp.maximum(nu_max, nu / once.correction2)
        return quotient(mu / once.correction1, root(nu_max + self.eps_root) + self.eps), mu, nu, nu_max

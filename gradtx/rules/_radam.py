"""RAdam's direction: Adam's, shortened while few squares have been averaged."""

from functools import reduce
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import abs_squared, corrected_mu, interpolate, moments, normalized, root
from gradtx.core import Number, hyperparameter, static
from gradtx.rules._adam import TwoMoments
from gradtx.tree import as_scalar


class scale_by_radam(TwoMoments):
    r"""RAdam's direction: Adam's times $r_t$, which compensates for the variance of its step at the start.

    $$\rho_t = \rho_\infty - \frac{2 t\,b_2^t}{1 - b_2^t}, \qquad \rho_\infty = \frac{2}{1 - b_2} - 1, \qquad
      r_t = \sqrt{\frac{(\rho_t - 4)(\rho_t - 2)\,\rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2)\,\rho_t}}$$
    $$u_t = \begin{cases}
      r_t\,\hat\mu_t \,/\, \big(\sqrt{\hat\nu_t + \epsilon_\text{root}} + \epsilon\big) &
      \rho_t > \texttt{threshold} \\ \hat\mu_t & \text{else} \end{cases}$$

    with $\hat\mu_t$ and $\hat\nu_t$ as in `scale_by_adam`, and `nesterov` as there. $\rho_t$, a little less
    than $t$ at first, is the number of squares in a plain average of the same age. It never exceeds
    $\rho_\infty$: with a `b2` of 2/3 or less and the default threshold, no step is adaptive.

    **State**: `ScaleByAdamState(count, mu, nu)`, that of `scale_by_adam`.

    **Raises**: `ValueError` for a threshold below 4, where the variance is infinite and $r_t$ is undefined.

    **Reference**: Liu et al. (2020), *On the Variance of the Adaptive Learning Rate and Beyond*,
    arXiv:1908.03265, algorithm 2, which has no epsilon and the threshold 4. The authors' code and Optax have
    $\rho_t \ge 5$, PyTorch has $\rho_t > 5$. PyTorch and the authors' code add epsilon to $\sqrt{\nu_t}$
    before the correction. Below the threshold the authors' code makes no step by default.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_radam(b1=0.0)
    >>> state = tx.init(jnp.array(0.0))
    >>> steps = []
    >>> for _ in range(6):
    ...     update, state = tx.update(jnp.array(-0.3), state)
    ...     steps.append(float(update))
    >>> [round(step, 3) for step in steps]  # the last is -sqrt(2 * 4 / (2000 * 6))
    [-0.3, -0.3, -0.3, -0.3, -0.3, -0.026]
    """

    threshold: Number = hyperparameter(
        default=5.0, low=4.0, doc=r"the length $\rho_t$ above which the step is adaptive, at least 4"
    )
    nesterov: bool = static(default=False, kw_only=True, doc="whether the numerator looks one step ahead")

    class Once(NamedTuple):
        """Adam's numbers, and the factor $r_t$, which is 0 where the step is not adaptive."""

        c1: Any
        c2: Any
        correction1: Any
        correction2: Any
        next_correction1: Any
        factor: Any

    def once(self, count: Array) -> Once:
        adam = moments(self.b1, self.b2, count, lookahead=self.nesterov)
        return self.Once(*adam, _rectification(adam.c2, count, as_scalar(self.threshold)))

    def leaf(self, once: Once, g: Array, mu: Array, nu: Array) -> tuple[Array, Array, Array]:
        mu = interpolate(mu, g, once.c1)
        nu = interpolate(nu, abs_squared(g), once.c2)
        first = corrected_mu(once, mu, g)
        adaptive = once.factor * normalized(first, nu, once.correction2, self.eps, self.eps_root)
        return jnp.where(once.factor > 0, adaptive, first), mu, nu


def _rectification(c: Any, count: Array, threshold: Any) -> Array:
    """r_t, and 0 where rho_t is not above the threshold."""
    longest, length = 2 / c - 1, _average_length(c, count.astype(float))
    tractable = length > threshold
    ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return jnp.where(tractable, root(jnp.where(tractable, ratio, 1)), 0)


def _average_length(c: Any, steps: Array) -> Array:
    """rho_t, to rounding.

    Its definition subtracts two numbers near 2 / c to get one near t: in float32, with a decay of 0.9999, the
    result is 4.2 instead of 5, on the wrong side of the threshold. With z = -log(b2) / 2 the length is
    t + coth(z) - t coth(t z), where 1 / z cancels out of coth(x) = 1 / x + x / (3 + x^2 / (5 + ...)).
    """
    z = -0.5 * jnp.log1p(-jnp.asarray(c).astype(float))
    early = steps - steps * _langevin(jnp.minimum(steps * z, 1)) + _langevin(jnp.minimum(z, 1))
    late = 2 / c - 1 - 2 * steps / jnp.expm1(2 * steps * z)
    return jnp.where(steps * z < 1, early, late)


def _langevin(x: Array) -> Array:
    """coth(x) - 1 / x for x from 0 to 1, by Lambert's continued fraction: 8 levels give double precision."""
    return x / reduce(lambda below, odd: odd + x * x / below, range(15, 1, -2), jnp.full_like(x, 17))

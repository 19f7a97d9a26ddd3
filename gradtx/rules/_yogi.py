"""Yogi's direction: Adam's, with a second moment that moves by no more than the new square."""

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import Moments, abs_squared, interpolate, moments, normalized
from gradtx.core import Number, Params, decay_factor, hyperparameter, static, zero_count
from gradtx.rules._adam import ScaleByAdamState, TwoMoments
from gradtx.tree import state_like


class scale_by_yogi(TwoMoments):
    r"""Yogi's direction.

    $$\nu_t = \nu_{t-1} - (1 - b_2)\,\operatorname{sign}(\nu_{t-1} - |g_t|^2)\,|g_t|^2, \qquad
      u_t = \frac{\hat\mu_t}{\sqrt{\hat\nu_t + \epsilon_\text{root}} + \epsilon}$$

    with $\hat\mu_t$, $\hat\nu_t = \nu_t / (1 - b_2^t)$, `eps` and `eps_root` as in `scale_by_adam`. Adam's
    second moment forgets a large square at a rate that is proportional to it, as soon as small gradients
    follow. Yogi's falls by the small squares alone, so that the step does not grow suddenly.

    **State**: `ScaleByAdamState(count, mu, nu)`, that of `scale_by_adam`.

    **Reference**: Zaheer et al. (2018), *Adaptive Methods for Nonconvex Optimization*, NeurIPS, algorithm 2,
    which leaves out the correction for simplicity, starts both moments at 0, and recommends for $\nu_0$ the
    square of the gradient of a large batch at the start. Optax also starts the first moment at the
    `initial_accumulator_value`.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_yogi(b2=0.5, initial_accumulator_value=1.0)
    >>> state = tx.init(jnp.array(0.0))
    >>> for g in (3.0, 1.0, 0.0):
    ...     _, state = tx.update(jnp.array(g), state)
    ...     print(state.nu)  # 1 + 9/2, then 1/2 less, then unchanged
    5.5
    5.0
    5.0
    """

    b2: Number = decay_factor(default=0.999, doc="one minus the weight of each square in the second moment")
    eps: Number = hyperparameter(default=1e-3, low=0.0, doc="added to the root")
    initial_accumulator_value: Number = hyperparameter(default=1e-6, low=0.0, doc=r"$\nu_0$")
    bias_correction: bool = static(
        default=True,
        kw_only=True,
        doc=(
            r"whether both moments are corrected; set it to false if $\nu_0$ is of the size of the squares, "
            "because the correction assumes a start at zero"
        ),
    )

    def init(self, params: Params) -> ScaleByAdamState:
        nu = state_like(params, value=self.initial_accumulator_value, real=True)
        return ScaleByAdamState(zero_count(), state_like(params), nu)

    def once(self, count: Array) -> Moments:
        once = moments(self.b1, self.b2, count)
        return once if self.bias_correction else once._replace(correction1=1.0, correction2=1.0)

    def leaf(self, once: Moments, g: Array, mu: Array, nu: Array) -> tuple[Array, Array, Array]:
        mu = interpolate(mu, g, once.c1)
        square = abs_squared(g)
        nu = nu - once.c2 * jnp.sign(nu - square) * square
        return normalized(mu / once.correction1, nu, once.correction2, self.eps, self.eps_root), mu, nu

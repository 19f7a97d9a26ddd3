"""COCOB: each parameter bets on the sign of its next gradient, without a learning rate."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import quotient, saturated
from gradtx.core import Number, Params, Rule, hyperparameter
from gradtx.tree import copies, state_like


class COCOBState(NamedTuple):
    """The state of `scale_by_cocob`: the start, and four sums and maxima of each element."""

    init_particles: Any
    cumulative_gradients: Any
    scale: Any
    subgradients: Any
    reward: Any


class scale_by_cocob(Rule, state=COCOBState, needs=("params",), role="normalizes"):
    r"""Continuous Coin Betting, COCOB-Backprop: the step to a point that is computed from the start.

    $$L_t = \max(L_{t-1}, |g_t|), \qquad G_t = G_{t-1} + |g_t|, \qquad
      R_t = \max\big(R_{t-1} - g_t\,(\theta_t - \theta_1),\; 0\big)$$
    $$\theta_{t+1} = \theta_1 - \frac{\sum_{i \le t} g_i}{L_t \max(G_t + L_t,\; \alpha L_t)}\,(L_t + R_t),
      \qquad u_t = \theta_{t+1} - \theta_t$$

    element by element, with $L_0$ = `eps`. An element bets a share of its wealth $L + R$, the larger the more
    its gradients agree in sign; $\alpha$ keeps the first bets small. The update is the step itself: nothing
    that scales it or turns it around may follow. A factor of all gradients cancels. For a complex element
    $g\,(\theta - \theta_1)$ is the real inner product.

    **State**: `COCOBState(init_particles, cumulative_gradients, scale, subgradients, reward)`: $\theta_1$ in
    the parameters' own dtype; minus the sum of gradients, $L$, $G$ and $R$, shaped as the parameters, in
    float32 or wider, the last three real. The state takes 20 bytes for a float32 parameter.

    **Reference**: Orabona and Tommasi (2017), *Training Deep Networks without Learning Rates Through Coin
    Betting*, arXiv:1705.07795, algorithm 2, where $L_0$ is 0.

    >>> import jax.numpy as jnp
    >>> tx, start = scale_by_cocob(alpha=10.0), jnp.array(5.0)
    >>> update, state = tx.update(jnp.array(2.0), tx.init(start), start)
    >>> print(f"{update:.3f}")  # the bet 1 / 10 against the sign of the gradient
    -0.100
    """

    alpha: Number = hyperparameter(
        default=100.0, low=0.0, doc=r"the fraction of the first bet is $1 / \alpha$"
    )
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="the first $L$, of an element without gradients")

    finds_rate = "its bets on the gradients give the size of each step"

    def init(self, params: Params) -> COCOBState:
        return COCOBState(
            init_particles=copies(params, own_dtype=True),
            cumulative_gradients=state_like(params),
            scale=state_like(params, value=self.eps, real=True),
            subgradients=state_like(params, real=True),
            reward=state_like(params, real=True),
        )

    def leaf(
        self,
        g: Array,
        init_particles: Array,
        cumulative_gradients: Array,
        scale: Array,
        subgradients: Array,
        reward: Array,
        p: Array,
    ) -> tuple[Array, Array, Array, Array, Array, Array]:
        size = jnp.abs(g)
        scale = jnp.maximum(scale, size)
        subgradients = subgradients + size
        reward = saturated(jnp.maximum(reward - (g.conj() * (p - init_particles)).real, 0.0))
        total = cumulative_gradients - g
        wealth = quotient(scale + reward, jnp.maximum(subgradients + scale, self.alpha * scale))
        bet = quotient(total, scale) * wealth
        return init_particles + bet - p, init_particles, total, scale, subgradients, reward

"""Mechanic: the learning rate of any optimizer, learned from its updates."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, AxisName, bounded, inner_product, quotient, root, visible
from gradtx.core import (
    GradientTransformation,
    Number,
    OptState,
    Params,
    Updates,
    Wrapper,
    hyperparameter,
    nested,
    safe_increment,
    static,
    zero_count,
)
from gradtx.tree import as_scalar, copies, map_leaves, norm, state_like, totals


class MechanicState(NamedTuple):
    """The state of `mechanize`: the base optimizer's, a number for each decay, the start, and the sum."""

    base_optimizer_state: OptState
    count: Any
    r: Any
    m: Any
    v: Any
    s: Any
    x0: Params
    delta: Params


class mechanize(Wrapper, state=MechanicState, needs=("params",), counts=("count",)):
    r"""Multiplies the sum of an optimizer's updates by a scale that it learns: no learning rate to tune.

    $$\Delta_{t+1} = \Delta_t + T(g_t), \qquad \theta_{t+1} = \theta_1 + \Big(\sum_i s_{t+1, i}\Big)\,
      \Delta_{t+1}, \qquad
      h_t = \left\langle \Delta_t,\; g_t + \lambda \sum_i s_{t, i}\,\|g_t\|\,\frac{\theta_t}{\|\theta_t\|}
      \right\rangle$$
    $$m_t = \max(\beta m_{t-1}, |h_t| + \epsilon), \qquad v_t = \beta^2 v_{t-1} + h_t^2, \qquad
      r_t = \max(0,\; \beta r_{t-1} - s_t h_t), \qquad
      s_{t+1} = \frac{s_\text{init}\,m_t / n + r_t}{\sqrt{v_t} + \epsilon}$$

    where $T$ is `base_optimizer`, whose updates are steps, and the second line is computed for each of $n$
    decays $\beta = 0.9, 0.99, 0.999, \dots$ A step against the gradient earns the reward $r$, and the scale
    grows with the reward. The learning rate of $T$ cancels, but not its schedule: let it begin at 1. Inner
    products and norms go over all leaves as one vector.

    **State**: `MechanicState(base_optimizer_state, count, r, m, v, s, x0, delta)`: the state of $T$; $t$;
    four vectors of $n$ numbers in float32 or wider; $\theta_1$, in the parameters' own dtype; and $\Delta$,
    in float32 or wider. Every step computes the parameters from these two anew.

    **Reference**: Cutkosky, Defazio and Mehta (2023), *Mechanic: A Learning Rate Tuner*, arXiv:2306.00144,
    algorithm 1; $\epsilon$ in $m$ is Optax's, and makes $s_\text{init}$ the scale of the first step. Optax
    recovers $\Delta$ from the parameters, which loses its digits where the scale is small; lets $r$ be
    negative; and clips $h$ in it to the last $m$.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx, params = mechanize(sgd(1.0), s_init=0.5), jnp.array(0.0)
    >>> update, state = tx.update(jnp.array(2.0), tx.init(params), params)
    >>> print(f"{update:.3f}")  # half of the step of 2
    -1.000
    """

    base_optimizer: GradientTransformation = nested(
        state="base_optimizer_state", doc="$T$, any optimizer whose updates do not depend on their own size"
    )
    weight_decay: Number = hyperparameter(
        default=1e-2, low=0.0, doc=r"$\lambda$, which pulls the scale, and with it the parameters, to 0"
    )
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc=r"$\epsilon$")
    s_init: Number = hyperparameter(
        default=1e-6, above=0.0, doc="a guess of the scale that is surely too small"
    )
    num_betas: int = static(default=6, low=1, doc="the number $n$ of decays")
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    couples_leaves = True
    finds_rate = "it learns the factor of all updates, in which the rate cancels"

    def init(self, params: Params) -> MechanicState:
        r, m, v = (jnp.zeros(self.num_betas, float) for _ in range(3))
        first = as_scalar(self.s_init) / self.num_betas
        return MechanicState(
            base_optimizer_state=self.base_optimizer.init(params),
            count=zero_count(),
            r=r,
            m=m,
            v=v,
            s=jnp.full(self.num_betas, first, float),
            x0=copies(params, own_dtype=True),
            delta=state_like(params),
        )

    def apply(
        self, updates: Updates, state: MechanicState, params: Params = None, **extra: Any
    ) -> tuple[Updates, MechanicState]:
        steps, base_state = self.update_part(
            self.base_optimizer, updates, state.base_optimizer_state, params, **extra
        )
        state = self._tuned(self._progress(updates, state, params), state)
        updates, delta = map_leaves(
            _moved, steps, state=(state.delta,), params=params, x0=state.x0, numbers=(jnp.sum(state.s),)
        )
        return updates, state._replace(
            base_optimizer_state=base_state, count=safe_increment(state.count), delta=delta
        )

    def _progress(self, gradients: Updates, state: MechanicState, params: Params) -> Array:
        """The inner product $h$ of the sum so far with the gradient and its decay; below 0 is progress."""
        sums = map_leaves(_along, gradients, delta=state.delta, params=params)
        along, decay = totals(sums, 2, axis_name=self.axis_name)
        lengths = [norm(tree, axis_name=self.axis_name).astype(float) for tree in (gradients, params)]
        share = quotient(lengths[0], lengths[1] + as_scalar(self.eps))
        h = along + as_scalar(self.weight_decay) * jnp.sum(state.s) * share * decay
        return visible(bounded(h), h)

    def _tuned(self, h: Array, state: MechanicState) -> MechanicState:
        """The state with the next scales."""
        eps, c = as_scalar(self.eps), jnp.asarray(0.1 ** np.arange(1.0, self.num_betas + 1), float)
        m = jnp.maximum(state.m - c * state.m, jnp.abs(h) + eps)
        v = state.v - c * (2 - c) * state.v + h * h
        r = jnp.maximum(state.r - c * state.r - state.s * h, 0.0)
        wealth = as_scalar(self.s_init) / self.num_betas * m + r
        return state._replace(r=r, m=m, v=v, s=quotient(wealth, root(v) + eps))


def _along(g: Array, delta: Array, p: Array) -> Array:
    """The inner products of the sum with the gradient and with the parameter."""
    return jnp.stack([inner_product(delta, x) for x in (g, p)])


def _moved(step: Array, delta: Array, p: Array, x0: Array, scale: Array) -> tuple[Array, Array]:
    delta = delta + step
    return x0 + scale * delta - p, delta

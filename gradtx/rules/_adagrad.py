"""AdaGrad's direction: the gradient over the root of the sum of its squares."""

from typing import Any, NamedTuple

from jax import Array

from gradtx.arithmetic import abs_squared, quotient, root, saturated
from gradtx.core import Number, Params, Rule, hyperparameter
from gradtx.tree import state_like


class ScaleByRssState(NamedTuple):
    """The state of `scale_by_rss`: the sum of squares."""

    sum_of_squares: Any


class scale_by_rss(Rule, state=ScaleByRssState, role="normalizes", squares=True):
    r"""AdaGrad's direction.

    $$s_t = s_{t-1} + |g_t|^2, \qquad u_t = \frac{g_t}{\sqrt{s_t + \epsilon}}, \qquad
      s_0 = \texttt{initial\_accumulator\_value}$$

    where $\epsilon$ is `eps`. As long as $s_t + \epsilon$ is zero, $u_t$ is zero.

    **State**: `ScaleByRssState(sum_of_squares)`, shaped as the parameters, in float32 or wider, and real.

    **Reference**: Duchi, Hazan and Singer (2011), *Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization*, JMLR 12, figure 1 (the diagonal form, whose delta is outside of the
    root; here, as in Optax, epsilon is inside).

    >>> import jax.numpy as jnp
    >>> tx = scale_by_rss(initial_accumulator_value=16.0, eps=0.0)
    >>> tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))[0]
    Array(0.6, dtype=float32)
    """

    initial_accumulator_value: Number = hyperparameter(
        default=0.1, low=0.0, doc="the sum of squares at the start"
    )
    eps: Number = hyperparameter(default=1e-7, low=0.0, doc="added inside the root")

    def init(self, params: Params) -> ScaleByRssState:
        return ScaleByRssState(state_like(params, value=self.initial_accumulator_value, real=True))

    def leaf(self, g: Array, sum_of_squares: Array) -> tuple[Array, Array]:
        total = saturated(sum_of_squares + abs_squared(g))
        return quotient(g, root(total + self.eps)), total

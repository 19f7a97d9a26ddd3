"""Exponential moving averages of the updates: the first moment, raw or debiased."""

from typing import Any, NamedTuple

from jax import Array

from gradtx.arithmetic import Average, Weight, average, complement, interpolate
from gradtx.core import Number, Rule, decay_factor, static, storage_dtype


class FirstMomentState(NamedTuple):
    """The state of `first_moment`: the average, in the shape of the parameters."""

    mu: Any


class EmaState(NamedTuple):
    """The state of `ema`: how many updates there were, and their average."""

    count: Any
    ema: Any


class first_moment(Rule, state=FirstMomentState):
    r"""Replaces the updates by their exponential moving average.

    $$\mu_t = b_1\,\mu_{t-1} + (1 - b_1)\,g_t, \qquad u_t = \mu_t$$

    The average starts at zero and is biased towards it: `correct_bias(b1)` after it removes the bias.

    **State**: `FirstMomentState(mu)`, shaped as the parameters, float32 or wider, or `mu_dtype`.

    **Reference**: Kingma and Ba (2015), *Adam: A Method for Stochastic Optimization*, arXiv:1412.6980,
    algorithm 1.

    >>> import jax.numpy as jnp
    >>> tx = first_moment(b1=0.75)
    >>> tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))[0]
    Array(1., dtype=float32)
    """

    b1: Number = decay_factor(default=0.9, doc="the decay of the average")
    mu_dtype: Any = storage_dtype(of="mu", default=None)

    def once(self) -> Weight:
        return Weight(complement(self.b1))

    def leaf(self, once: Weight, g: Array, mu: Array) -> tuple[Array, Array]:
        mu = interpolate(mu, g, once.c)
        return mu, mu


class ema(Rule, state=EmaState):
    r"""Replaces the updates by their exponential moving average, corrected for its start at zero.

    $$m_t = b\,m_{t-1} + (1 - b)\,g_t, \qquad
      u_t = \begin{cases} m_t / (1 - b^t) & \text{debias} \\ m_t & \text{else} \end{cases}$$

    where $b$ is `decay`.

    **State**: `EmaState(count, ema)`: an int32 scalar, and the raw average shaped as the parameters,
    float32 or wider, or `accumulator_dtype`.

    **Reference**: Kingma and Ba (2015), arXiv:1412.6980, algorithm 1 and section 3.

    >>> import jax.numpy as jnp
    >>> tx = ema(decay=0.75)
    >>> update, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
    >>> print(f"{update:.3f} {state.ema:.3f}")
    4.000 1.000
    """

    decay: Number = decay_factor(doc="the decay of the average")
    debias: bool = static(default=True, doc="whether the average is corrected for its start at zero")
    accumulator_dtype: Any = storage_dtype(of="ema", default=None)

    def once(self, count: Array) -> Average:
        return average(self.decay, count, self.debias)

    def leaf(self, once: Average, g: Array, ema: Array) -> tuple[Array, Array]:
        ema = interpolate(ema, g, once.c)
        return ema / once.correction if self.debias else ema, ema

"""Statistics of squared updates: their average, their sum, and a running maximum."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import Weight, abs_squared, complement, interpolate, saturated
from gradtx.core import Number, Params, Rule, decay_factor, hyperparameter
from gradtx.tree import state_like


class SecondMomentState(NamedTuple):
    """The state of `second_moment`: the average square, real, in the shape of the parameters."""

    nu: Any


class AccumulateSquaresState(NamedTuple):
    """The state of `accumulate_squares`: the sum of squares, real, in the shape of the parameters."""

    sum_of_squares: Any


class RunningMaxState(NamedTuple):
    """The state of `running_max`: the greatest values so far, real, in the shape of the parameters."""

    maximum: Any


class second_moment(Rule, state=SecondMomentState, squares=True):
    r"""Replaces the updates by the exponential moving average of their squares.

    $$\nu_t = b_2\,\nu_{t-1} + (1 - b_2)\,|g_t|^2, \qquad u_t = \nu_t, \qquad
      \nu_0 = \texttt{initial\_value}$$

    **State**: `SecondMomentState(nu)`, shaped as the parameters, float32 or wider; real for complex ones.

    **Reference**: Tieleman and Hinton (2012), *Lecture 6.5: RMSprop*; Kingma and Ba (2015),
    arXiv:1412.6980, algorithm 1.

    >>> import jax.numpy as jnp
    >>> tx = second_moment(b2=0.75)
    >>> tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))[0]
    Array(4., dtype=float32)
    """

    b2: Number = decay_factor(default=0.999, doc="the decay of the average square")
    initial_value: Number = hyperparameter(default=0.0, low=0.0, doc="the average square at the start")

    def init(self, params: Params) -> SecondMomentState:
        return SecondMomentState(state_like(params, value=self.initial_value, real=True))

    def once(self) -> Weight:
        return Weight(complement(self.b2))

    def leaf(self, once: Weight, g: Array, nu: Array) -> tuple[Array, Array]:
        nu = interpolate(nu, abs_squared(g), once.c)
        return nu, nu


class accumulate_squares(Rule, state=AccumulateSquaresState, squares=True):
    r"""Replaces the updates by the sum of their squares so far.

    $$s_t = s_{t-1} + |g_t|^2, \qquad u_t = s_t, \qquad s_0 = \texttt{initial\_accumulator\_value}$$

    **State**: `AccumulateSquaresState(sum_of_squares)`, shaped as the parameters, float32 or wider; real.

    **Reference**: Duchi, Hazan and Singer (2011), *Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization*, JMLR 12, figure 1 (the diagonal form).

    >>> import jax.numpy as jnp
    >>> tx = accumulate_squares(initial_accumulator_value=1.0)
    >>> tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))[0]
    Array(10., dtype=float32)
    """

    initial_accumulator_value: Number = hyperparameter(
        default=0.1, low=0.0, doc="the sum of squares at the start"
    )

    def init(self, params: Params) -> AccumulateSquaresState:
        return AccumulateSquaresState(state_like(params, value=self.initial_accumulator_value, real=True))

    def leaf(self, g: Array, sum_of_squares: Array) -> tuple[Array, Array]:
        total = saturated(sum_of_squares + abs_squared(g))
        return total, total


class running_max(Rule, state=RunningMaxState, real=("maximum",)):
    r"""Replaces each element of the updates by its greatest value so far, at least 0.

    $$x_t = \max(x_{t-1}, g_t), \qquad u_t = x_t, \qquad x_0 = 0$$

    It takes the magnitude of complex updates. AMSGrad places it after the second moment.

    **State**: `RunningMaxState(maximum)`, shaped as the parameters, float32 or wider; real.

    **Reference**: Reddi, Kale and Kumar (2018), *On the Convergence of Adam and Beyond*,
    arXiv:1904.09237, algorithm 2.

    >>> import jax.numpy as jnp
    >>> tx = running_max()
    >>> _, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
    >>> tx.update(jnp.array(3.0), state)[0]
    Array(4., dtype=float32)
    """

    def leaf(self, g: Array, maximum: Array) -> tuple[Array, Array]:
        maximum = jnp.maximum(maximum, jnp.abs(g) if jnp.iscomplexobj(g) else g)
        return maximum, maximum

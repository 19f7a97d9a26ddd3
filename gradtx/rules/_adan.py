"""Adan's direction: averages of the gradient and of its change, over the root of an average square."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import abs_squared, after, average, bounded, interpolate, normalized
from gradtx.core import Number, Rule, decay_factor, hyperparameter


class ScaleByAdanState(NamedTuple):
    """The state of `scale_by_adan`: three averages, the gradient before this one, and the count.

    `m` averages the gradient, `v` its change, and `n` the square of their combination.
    """

    m: Any
    v: Any
    n: Any
    g: Any
    t: Any


class scale_by_adan(
    Rule, state=ScaleByAdanState, real=("n",), numbers=("t",), role="normalizes", squares=True
):
    r"""Adan's direction: Nesterov's look-ahead, from the change of the gradient, in both moments.

    $$m_t = b_1 m_{t-1} + (1 - b_1)\,g_t, \qquad v_t = b_2 v_{t-1} + (1 - b_2)\,d_t, \qquad
      n_t = b_3 n_{t-1} + (1 - b_3)\,|g_t + b_2 d_t|^2$$
    $$u_t = \frac{\hat m_t + b_2 \hat v_t}{\sqrt{\hat n_t + \epsilon_\text{root}} + \epsilon}, \qquad
      d_t = g_t - g_{t-1}, \qquad d_1 = 0$$

    where $\epsilon$ is `eps`, $\epsilon_\text{root}$ is `eps_root`, and a hat divides an average by
    $1 - b^t$ with its own $b$.

    **State**: `ScaleByAdanState(m, v, n, g, t)`: four trees shaped as the parameters, in float32 or wider,
    with `n` real; `t`, an int32 scalar, counts the updates.

    **Reference**: Xie et al. (2022), *Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep
    Models*, arXiv:2208.06677, algorithm 1, whose $\beta_i$ is $1 - b_i$ here: its factor $1 - \beta_2$ of the
    change is $b_2$. The factor in Optax is $1 - b_2$. The paper starts the averages from the first gradient;
    the hats are those of the authors' code. There is no restart.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_adan(b1=0.0, b2=0.5, b3=0.0)
    >>> _, state = tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))
    >>> tx.update(jnp.array(2.0), state)[0].round(4)  # (2 - 0.5 * (0.5 / 0.75)) / |2 - 0.5|
    Array(1.1111, dtype=float32)
    """

    b1: Number = decay_factor(default=0.98, doc="the decay of the average gradient")
    b2: Number = decay_factor(default=0.92, doc="the decay of the average change")
    b3: Number = decay_factor(default=0.99, doc="the decay of the average square")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root")
    eps_root: Number = hyperparameter(default=0.0, low=0.0, doc="added inside the root")

    class Once(NamedTuple):
        """The complement of each decay and its correction, and whether this is the first update."""

        c1: Any
        correction1: Any
        c2: Any
        correction2: Any
        c3: Any
        correction3: Any
        first: Any

    def once(self, t: Array) -> Once:
        m, v, n = (average(decay, t) for decay in (self.b1, self.b2, self.b3))
        return self.Once(*m, *v, *n, t == 1)

    def leaf(
        self, once: Once, gradient: Array, m: Array, v: Array, n: Array, g: Array
    ) -> tuple[Array, Array, Array, Array, Array]:
        change = gradient - jnp.where(once.first, gradient, g)
        m = interpolate(m, gradient, once.c1)
        v = interpolate(v, change, once.c2)
        n = after(interpolate(n, abs_squared(bounded(gradient + self.b2 * change)), once.c3), v)
        ahead = m / once.correction1 + self.b2 * v / once.correction2
        return normalized(ahead, n, once.correction3, self.eps, self.eps_root), m, v, n, after(gradient, n)

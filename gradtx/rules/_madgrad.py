"""MADGRAD: dual averaging from the start, over the cube root of a weighted sum of squares."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import abs_squared, after, complement, cube_root, quotient, saturated
from gradtx.core import Number, Params, decay_factor, hyperparameter, zero_count
from gradtx.rules._scale import Rate
from gradtx.tree import copies, state_like


class MadgradState(NamedTuple):
    """The state of `scale_by_madgrad`: the count, both weighted sums, and the parameters at the start."""

    count: Any
    grad_sum_sq: Any
    s: Any
    x0: Any


class scale_by_madgrad(Rate, state=MadgradState, needs=("params",), squares=True):
    r"""MADGRAD's step: from the start, along the sum of all gradients, with momentum.

    $$\lambda_t = \eta_t \sqrt t, \qquad s_t = s_{t-1} + \lambda_t\,g_t, \qquad
      \nu_t = \nu_{t-1} + \lambda_t\,|g_t|^2$$
    $$z_t = \theta_0 - \frac{s_t}{\sqrt[3]{\nu_t} + \epsilon}, \qquad u_t = (1 - \mu)\,(z_t - \theta_t)$$

    where $\eta$ is `learning_rate`, $\mu$ is `momentum` and $\epsilon$ is `eps`. The next parameters are the
    average $\mu\,\theta_t + (1 - \mu)\,z_t$. As long as $\sqrt[3]{\nu_t} + \epsilon$ is zero, $z_t$ is
    $\theta_0$. The updates are steps: no learning rate follows.

    **State**: `MadgradState(count, grad_sum_sq, s, x0)`: an int32 scalar, two trees shaped as the
    parameters, in float32 or wider, with `grad_sum_sq`, which is $\nu$, real, and a copy of the parameters.

    **Reference**: Defazio and Jelassi (2021), *Adaptivity without Compromise: A Momentumized, Adaptive, Dual
    Averaged Gradient Method for Stochastic Optimization*, arXiv:2101.11075, algorithm 1, whose $c_k$ is
    $1 - \mu$. Optax and the authors' code add $\epsilon$ to the learning rate too.

    >>> import jax.numpy as jnp
    >>> tx, x = scale_by_madgrad(1.0, momentum=0.5, eps=0.0), jnp.array(1.0)
    >>> update, state = tx.update(jnp.array(8.0), tx.init(x), x)
    >>> update, state.grad_sum_sq  # half of -8 over the cube root of 64
    (Array(-1., dtype=float32), Array(64., dtype=float32))
    """

    learning_rate: Number = hyperparameter(
        low=0.0, doc=r"$\eta$; the weight of a gradient grows with $\sqrt t$"
    )
    momentum: Number = decay_factor(default=0.9, doc=r"$\mu$, the weight of the parameters in the average")
    eps: Number = hyperparameter(default=1e-6, low=0.0, doc="added to the cube root")

    class Once(NamedTuple):
        """The weight of this gradient in the sums, and that of the new point in the average."""

        weight: Any
        c: Any

    def init(self, params: Params) -> MadgradState:
        squares, sums = state_like(params, real=True), state_like(params)
        return MadgradState(zero_count(), squares, sums, copies(params, own_dtype=True))

    def once(self, count: Array) -> Once:
        return self.Once(self.learning_rate * jnp.sqrt(count.astype(float)), complement(self.momentum))

    def leaf(
        self, once: Once, g: Array, grad_sum_sq: Array, s: Array, x0: Array, p: Array
    ) -> tuple[Array, Array, Array, Array]:
        s = s + once.weight * g
        total = after(saturated(grad_sum_sq + once.weight * abs_squared(g)), s)
        # The difference from the start comes first: it has the digits that a sum with the start would lose.
        step = (x0 - p) - quotient(s, cube_root(total) + self.eps)
        return once.c * step, total, s, x0

"""D-Adaptation: Adam's step, of a size that follows a lower bound of the distance to the solution."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    SPLIT_LEAVES,
    AxisName,
    abs_squared,
    bounded,
    complement,
    inner_product,
    interpolate,
    one_correction,
    quotient,
    root,
    visible,
)
from gradtx.core import (
    GradientTransformation,
    Number,
    Params,
    Updates,
    decay_factor,
    hyperparameter,
    safe_increment,
    static,
    zero_count,
)
from gradtx.tree import as_scalar, map_leaves, number, state_like, totals


class DAdaptAdamWState(NamedTuple):
    """The state of `scale_by_dadapt_adamw`: Adam's averages, the estimated distance, and its sums."""

    exp_avg: Any
    exp_avg_sq: Any
    grad_sum: Any
    estim_lr: Any
    numerator_weighted: Any
    count: Any


class scale_by_dadapt_adamw(
    GradientTransformation,
    state=DAdaptAdamWState,
    needs=("params",),
    role="normalizes",
    counts=("count",),
):
    r"""Adam's step times a lower bound of the distance to the solution: no learning rate to tune.

    $$m_{k+1} = b_1 m_k + (1 - b_1)\,d_k \gamma_k g_k, \qquad v_{k+1} = b_2 v_k + (1 - b_2)\,|g_k|^2$$
    $$s_{k+1} = \sqrt{b_2}\,s_k + (1 - \sqrt{b_2})\,d_k \gamma_k g_k, \qquad
      r_{k+1} = \sqrt{b_2}\,r_k + (1 - \sqrt{b_2})\,d_k \gamma_k
      \left\langle g_k, \frac{s_k}{\sqrt{v_k} + \epsilon} \right\rangle$$
    $$d_{k+1} = \max\!\left(d_k,\; \frac{r_{k+1}}{(1 - \sqrt{b_2})\,\|s_{k+1}\|_1}\right), \qquad
      u_k = \frac{m_{k+1}}{\sqrt{v_{k+1}} + \epsilon} + d_k \gamma_k \lambda\,\theta_k$$

    where $\gamma$ is `learning_rate`, $d_0$ is `estim_lr0` and $\lambda$ is `weight_decay`. The estimate $d$
    is one number for all leaves, and its sums run in at least float32. It stays while all gradients are 0.
    `scale_by_prodigy` estimates larger distances, and has one array more.

    **State**: `DAdaptAdamWState(exp_avg, exp_avg_sq, grad_sum, estim_lr, numerator_weighted, count)`:
    $m, v, s$, shaped as the parameters, in float32 or wider, $v$ real; and the scalars $d$, $r$ and $k$.

    **Reference**: Defazio and Mishchenko (2023), *Learning-Rate-Free Learning by D-Adaptation*,
    arXiv:2301.07733, Adam with D-Adaptation; $v_k$ in $r_{k+1}$, the weight decay and the options are as in
    its authors' code. Optax always corrects the bias, and divides 0 by 0 before the first gradient.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_dadapt_adamw(b1=0.0, b2=0.25, eps=0.0, estim_lr0=0.5)
    >>> state, params = tx.init(jnp.array(4.0)), jnp.array(4.0)
    >>> for _ in range(4):  # as long as the gradients agree, the estimate grows
    ...     update, state = tx.update(jnp.array(1.0), state, params)
    >>> print(f"{state.estim_lr:.3f}")
    0.767
    """

    learning_rate: Number = hyperparameter(
        default=1.0, low=0.0, doc="a factor: 1, or a schedule that starts from 1 or warms up to it"
    )
    b1: Number = decay_factor(default=0.9, doc="the decay of the average gradient")
    b2: Number = decay_factor(default=0.999, doc="the decay of the average square, and of $r$ and $s$")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root of the average square")
    estim_lr0: Number = hyperparameter(
        default=1e-6, above=0.0, doc="a guess of the distance that is surely too small"
    )
    weight_decay: Number = hyperparameter(
        default=0.0, low=0.0, doc=r"$\lambda$, decoupled as in `add_decayed_weights`"
    )
    bias_correction: bool = static(
        default=False,
        kw_only=True,
        doc=(
            r"whether to multiply $\gamma_k$ by $\sqrt{1 - b_2^{k+1}} / (1 - b_1^{k+1})$, as Adam corrects "
            "its averages"
        ),
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    couples_leaves = True
    finds_rate = "it estimates the rate, and learning_rate stays 1"

    def init(self, params: Params) -> DAdaptAdamWState:
        return DAdaptAdamWState(
            exp_avg=state_like(params),
            exp_avg_sq=state_like(params, real=True),
            grad_sum=state_like(params),
            estim_lr=number(self.estim_lr0),
            numerator_weighted=number(),
            count=zero_count(),
        )

    def apply(
        self, updates: Updates, state: DAdaptAdamWState, params: Params = None, **extra: Any
    ) -> tuple[Updates, DAdaptAdamWState]:
        count, c1, c2 = safe_increment(state.count), complement(self.b1), complement(self.b2)
        rate = state.estim_lr * as_scalar(self.learning_rate)
        if self.bias_correction:
            rate = rate * one_correction(c1, c2, count)
        state = self._with_estimate(updates, state, rate)
        updates, m, v = map_leaves(
            _step,
            updates,
            state=(state.exp_avg, state.exp_avg_sq),
            params=params,
            numbers=(c1, c2, self.eps, rate, rate * as_scalar(self.weight_decay)),
        )
        return updates, state._replace(exp_avg=m, exp_avg_sq=v, count=count)

    def _with_estimate(self, gradients: Updates, state: DAdaptAdamWState, rate: Array) -> DAdaptAdamWState:
        """The state with the estimate for the next update, and the sums that it is made of."""
        c = as_scalar(complement(self.b2**0.5))
        sums, s = map_leaves(
            _sums, gradients, state=(state.grad_sum,), v=state.exp_avg_sq, numbers=(c, self.eps, rate)
        )
        along, size = totals(sums, 2, axis_name=self.axis_name)
        r = interpolate(state.numerator_weighted, rate * along, c)
        d = jnp.maximum(state.estim_lr, quotient(r, c * size))
        return state._replace(grad_sum=s, numerator_weighted=r, estim_lr=d)


def _sums(g: Array, s: Array, v: Array, c: Array, eps: Array, rate: Array) -> tuple[Array, Array]:
    """The two sums over a leaf: the gradient along the sum of those before it, and the norm of the sum."""
    short = bounded(g)
    along = inner_product(short, quotient(s, root(v) + eps))
    s = visible(interpolate(s, rate * short, c), g)
    return jnp.stack([along, jnp.sum(jnp.abs(s))]), s


def _step(
    g: Array, m: Array, v: Array, p: Array, c1: Array, c2: Array, eps: Array, rate: Array, decay: Array
) -> tuple[Array, Array, Array]:
    short = bounded(g)
    m = interpolate(m, rate * short, c1)
    v = interpolate(v, abs_squared(short), c2)
    return visible(quotient(m, root(v) + eps) + decay * p, g), m, v

"""Prodigy's step: Adam's, of a size that follows the distance travelled from the start."""

from functools import partial
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
from gradtx.selection import MASK_FIELD, Mask, mask_at
from gradtx.tree import as_scalar, copies, leaf_options, map_leaves, number, state_like, totals


class ProdigyState(NamedTuple):
    """The state of `scale_by_prodigy`: Adam's averages, the estimated distance, and its sums."""

    exp_avg: Any
    exp_avg_sq: Any
    grad_sum: Any
    params0: Any
    estim_lr: Any
    numerator_weighted: Any
    count: Any
    estim_lr_max: Any


class scale_by_prodigy(
    GradientTransformation, state=ProdigyState, needs=("params",), role="normalizes", counts=("count",)
):
    r"""Adam's step times an estimate of the distance to the solution: no learning rate to tune.

    $$m_{k+1} = b_1 m_k + (1 - b_1)\,d_k g_k, \qquad v_{k+1} = b_2 v_k + (1 - b_2)\,d_k^2 |g_k|^2$$
    $$r_{k+1} = b_3 r_k + \gamma_k d_k^2 \langle g_k, \theta_0 - \theta_k \rangle, \qquad
      s_{k+1} = b_3 s_k + \gamma_k d_k^2 g_k, \qquad
      d_{k+1} = \max\!\left(d_k,\; c\,\frac{r_{k+1}}{\|s_{k+1}\|_1}\right)$$
    $$u_k = \gamma_k d_k \left(\frac{m_{k+1}}{\sqrt{v_{k+1}} + d_{k+1} \epsilon} + \lambda\,\theta_k\right)$$

    where $\gamma$ is `learning_rate`, $d_0$ is `estim_lr0`, $c$ is `estim_lr_coef` and $\lambda$ is
    `weight_decay`. The estimate $d$ is one number for all leaves, and its sums run in at least float32. It
    stays while all gradients are 0.

    **State**: `ProdigyState(exp_avg, exp_avg_sq, grad_sum, params0, estim_lr, numerator_weighted, count,
    estim_lr_max)`: $m, v, s$, shaped as the parameters, in float32 or wider; the parameters at the start, in
    their own dtype; and the scalars $d$, $r$, $k$ and the largest estimate so far, which differs from $d$
    where `growth_rate` holds $d$ back. As in Optax, $r$ and $s$ are stored divided by $d_0$. The state takes
    16 bytes for a float32 parameter.

    **Reference**: Mishchenko and Defazio (2024), *Prodigy: An Expeditiously Adaptive Parameter-Free
    Learner*, arXiv:2306.06101, algorithm 4 and section 5; a factor $1 - b_3$ in $r$ and $s$ cancels. Options
    that are not in the paper come from its authors' code; so does $d_{k+1}$ beside $\epsilon$, which Optax
    has too, and for which the paper has $d_k$. Optax always corrects the bias, and divides 0 by 0 before the
    first gradient.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_prodigy(b1=0.0, b2=0.0, b3=0.0, eps=0.0, estim_lr0=0.5)
    >>> state = tx.init(jnp.array(4.0))
    >>> update, state = tx.update(jnp.array(1.0), state, jnp.array(4.0))
    >>> update, state.estim_lr  # as long as nothing has moved, nothing is known
    (Array(0.5, dtype=float32), Array(0.5, dtype=float32))
    >>> update, state = tx.update(jnp.array(1.0), state, jnp.array(0.0))
    >>> state.estim_lr  # the distance from the start
    Array(4., dtype=float32)
    """

    learning_rate: Number = hyperparameter(
        default=1.0, low=0.0, doc="a factor: 1, or a schedule that starts from 1 or warms up to it"
    )
    b1: Number = decay_factor(default=0.9, doc="the decay of the average gradient")
    b2: Number = decay_factor(default=0.999, doc="the decay of the average square")
    b3: Number = decay_factor(
        default=0.999**0.5, doc="the decay of $r$ and $s$; the paper takes the root of $b_2$"
    )
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root of the average square")
    estim_lr0: Number = hyperparameter(
        default=1e-6, above=0.0, doc="a guess of the distance that is surely too small"
    )
    estim_lr_coef: Number = hyperparameter(
        default=1.0, low=0.0, doc="multiplies the estimate: the number to tune, if any"
    )
    weight_decay: Number = hyperparameter(
        default=0.0, low=0.0, doc=r"$\lambda$, decoupled as in `add_decayed_weights`"
    )
    growth_rate: Number = hyperparameter(
        default=float("inf"),
        low=1.0,
        kw_only=True,
        doc="the factor by which a step may raise the estimate at most, except for its first growth",
    )
    safeguard_warmup: bool = static(
        default=False,
        kw_only=True,
        doc=r"whether to leave $\gamma_k$ out of $s$, so that a long warmup does not raise the estimate",
    )
    bias_correction: bool = static(
        default=False,
        kw_only=True,
        doc=(
            r"whether to multiply $\gamma_k$ by $\sqrt{1 - b_2^{k+1}} / (1 - b_1^{k+1})$, in $r$ and $s$ "
            "too, as Adam corrects its averages"
        ),
    )
    weight_decay_mask: Mask = static(
        default=None, **MASK_FIELD, kw_only=True, doc="the leaves that decay, as in `add_decayed_weights`"
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    couples_leaves = True
    finds_rate = "it estimates the rate, and learning_rate stays 1"

    def init(self, params: Params) -> ProdigyState:
        return ProdigyState(
            exp_avg=state_like(params),
            exp_avg_sq=state_like(params, real=True),
            grad_sum=state_like(params),
            params0=copies(params, own_dtype=True),
            estim_lr=number(self.estim_lr0),
            numerator_weighted=number(),
            count=zero_count(),
            estim_lr_max=number(),
        )

    def apply(
        self, updates: Updates, state: ProdigyState, params: Params = None, **extra: Any
    ) -> tuple[Updates, ProdigyState]:
        count, d = safe_increment(state.count), state.estim_lr
        c1, c2 = complement(self.b1), complement(self.b2)
        rate = d * as_scalar(self.learning_rate)
        if self.bias_correction:
            rate = rate * one_correction(c1, c2, count)
        state = self._with_estimate(updates, state, params, rate)
        decays = mask_at(self.weight_decay_mask, updates, params, "scale_by_prodigy: weight_decay_mask")
        updates, m, v = map_leaves(
            partial(_step, True) if decays is None else _step_of,
            updates,
            state=(state.exp_avg, state.exp_avg_sq),
            params=params,
            numbers=(d, rate, c1, c2, state.estim_lr * as_scalar(self.eps), self.weight_decay),
            options=None if decays is None else leaf_options(updates, decays),
        )
        return updates, state._replace(exp_avg=m, exp_avg_sq=v, count=count)

    def _with_estimate(
        self, gradients: Updates, state: ProdigyState, params: Params, rate: Array
    ) -> ProdigyState:
        """The state with the estimate for the next update, and the sums that it is made of."""
        d, d0 = state.estim_lr, as_scalar(self.estim_lr0)
        weight, c3 = rate * d / d0, complement(self.b3)
        weight_s = d * d / d0 if self.safeguard_warmup else weight
        sums, s = map_leaves(
            _sums,
            gradients,
            state=(state.grad_sum,),
            params=params,
            params0=state.params0,
            numbers=(c3, weight_s),
        )
        travelled, size = totals(sums, 2, axis_name=self.axis_name)
        r = state.numerator_weighted + (weight * travelled - as_scalar(c3) * state.numerator_weighted)
        largest = jnp.maximum(state.estim_lr_max, quotient(as_scalar(self.estim_lr_coef) * r, size))
        # The product d * growth_rate with its infinite default would make NaN of the derivative.
        held_back = d * jnp.minimum(largest / d, as_scalar(self.growth_rate))
        return state._replace(
            grad_sum=s,
            numerator_weighted=r,
            estim_lr=jnp.maximum(d, jnp.where(d == d0, largest, held_back)),
            estim_lr_max=largest,
        )


def _sums(g: Array, s: Array, p: Array, p0: Array, c3: Array, weight: Array) -> tuple[Array, Array]:
    """The two sums over a leaf, as a pair: the distance travelled along the gradient, and the norm of s."""
    s = s + (weight * g - c3 * s)
    travelled = inner_product(g, p0 - p)
    return jnp.stack([travelled, jnp.sum(jnp.abs(s))]), s


def _step_of(option: tuple[Any, ...]) -> Any:
    """The leaf function where the mask has the value in `option`."""
    return partial(_step, *option) if option else None


def _step(
    decays: bool,
    g: Array,
    m: Array,
    v: Array,
    p: Array,
    d: Array,
    rate: Array,
    c1: Array,
    c2: Array,
    eps: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array]:
    short = bounded(d * g)
    m = interpolate(m, short, c1)
    v = interpolate(v, abs_squared(short), c2)
    direction = quotient(m, root(v) + eps)
    update = rate * (direction + weight_decay * p if decays else direction)
    return visible(update, g), m, v

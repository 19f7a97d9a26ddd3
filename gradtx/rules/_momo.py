"""MoMo: the step that takes a model of the loss, made of averages, to the least value of the loss."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    abs_squared,
    bounded,
    complement,
    inner_product,
    interpolate,
    moments,
    normalized,
    root,
    visible,
)
from gradtx.core import (
    Number,
    Params,
    Updates,
    decay_factor,
    hyperparameter,
    safe_increment,
    zero_count,
)
from gradtx.rules._model_step import Model, ModelStep
from gradtx.tree import as_scalar, map_leaves, moments_like, norm, state_like, totals


class MomoState(NamedTuple):
    """The state of `scale_by_momo`: the average gradient, the model's numbers, its lower bound, the count."""

    exp_avg: Any
    barf: Any
    gamma: Any
    lb: Any
    count: Any


class MomoAdamState(NamedTuple):
    """The state of `scale_by_momo_adam`: Adam's averages, and the numbers of `MomoState`."""

    exp_avg: Any
    exp_avg_sq: Any
    barf: Any
    gamma: Any
    lb: Any
    count: Any


class scale_by_momo(ModelStep, state=MomoState, needs=("params", "value"), counts=("count",)):
    r"""The average gradient times a step size that a model of the loss gives: Polyak's with momentum.

    $$d_t = \beta d_{t-1} + (1 - \beta)\,g_t, \qquad \bar f_t = \beta \bar f_{t-1} + (1 - \beta)\,f_t, \qquad
      \gamma_t = \beta \gamma_{t-1} + (1 - \beta)\,\langle g_t, \theta_t \rangle$$
    $$\tau_t = \min\!\left(\alpha,\; \frac{\big((1 + \alpha\lambda)(\bar f_t - f_* - \gamma_t) +
      \langle d_t, \theta_t \rangle\big)_+}{\|d_t\|^2}\right), \qquad
      \theta_{t+1} = \frac{\theta_t - \tau_t d_t}{1 + \alpha\lambda}$$

    where $f_t$ is the loss, `value=`, the averages begin at their first terms, and the update is
    $\theta_t - \theta_{t+1}$. The step minimizes $\max(\bar f_t - \gamma_t + \langle d_t, \theta \rangle,
    f_*) + \frac{1}{2\alpha}\|\theta - \theta_t\|^2 + \frac{\lambda}{2}\|\theta\|^2$. Inner products and norms
    go over all leaves as one vector.

    With `adapt_lower_bound` the bound is estimated: $f_* \leftarrow \max(\bar f_t - \gamma_t + \langle d_t,
    \theta_t \rangle - \frac{\tau_t}{2}\|d_t\|^2,\; \text{lower\_bound})$ after each step, and half of the
    model's value where that is below $f_*$.

    **State**: `MomoState(exp_avg, barf, gamma, lb, count)`: $d$, shaped as the parameters, in float32 or
    wider; and the scalars $\bar f$, $\gamma$, $f_*$ and $t$.

    **Raises** `ValueError` for a `value` that is an array.

    **Reference**: Schaipp et al. (2023), *MoMo: Momentum Models for Adaptive Learning Rates*,
    arXiv:2305.07583, algorithm 1; the estimate of the bound and the weight decay as in its authors' code.
    Optax leaves the step out of the division by $1 + \alpha\lambda$.

    >>> import jax.numpy as jnp
    >>> tx, params = scale_by_momo(learning_rate=10.0), jnp.array([3.0, 4.0])
    >>> tx.update(params, tx.init(params), params, value=12.5)[0]  # half of the square: half of the way to 0
    Array([1.5, 2. ], dtype=float32)
    """

    beta: Number = decay_factor(default=0.9, doc=r"$\beta$, the decay of the averages")

    def init(self, params: Params) -> MomoState:
        return MomoState(state_like(params), *self._first_numbers(), zero_count())

    def apply(
        self, updates: Updates, state: MomoState, params: Params = None, **extra: Any
    ) -> tuple[Updates, MomoState]:
        weight = jnp.where(state.count == 0, 1.0, as_scalar(complement(self.beta)))
        sums, d = map_leaves(_averages, updates, state=(state.exp_avg,), params=params, numbers=(weight,))
        along, inner = totals(sums, 2, axis_name=self.axis_name)
        model = Model(
            barf=interpolate(state.barf, self._loss(extra["value"]), weight),
            gamma=interpolate(state.gamma, along, weight),
            inner=inner,
            length=norm(d, axis_name=self.axis_name).astype(float),
        )
        step, bound = self._step_size(model, state.lb, 1.0)
        shrinkage = self._shrinkage()
        updates = map_leaves(
            _step, updates, d=d, params=params, numbers=(step / shrinkage, 1 - 1 / shrinkage)
        )
        return updates, MomoState(d, model.barf, model.gamma, bound, safe_increment(state.count))


class scale_by_momo_adam(
    ModelStep, state=MomoAdamState, needs=("params", "value"), role="normalizes", counts=("count",)
):
    r"""Adam's direction times a step size that a model of the loss gives.

    The model is that of `scale_by_momo`, with Adam's averages, which begin at 0, and Adam's metric:

    $$v_t = b_2 v_{t-1} + (1 - b_2)\,|g_t|^2, \qquad D_t = \sqrt{v_t / (1 - b_2^t)} + \epsilon, \qquad
      \rho_t = 1 - b_1^t$$
    $$\tau_t = \min\!\left(\frac{\alpha}{\rho_t},\; \frac{\big((1 + \alpha\lambda)(\bar f_t - \rho_t f_* -
      \gamma_t) + \langle d_t, \theta_t \rangle\big)_+}{\langle d_t, d_t / D_t \rangle}\right), \qquad
      \theta_{t+1} = \frac{\theta_t - \tau_t\,d_t / D_t}{1 + \alpha\lambda}$$

    with $b_1$ for $\beta$. With `adapt_lower_bound` the bound is estimated as there, divided by $\rho_t$.

    **State**: `MomoAdamState(exp_avg, exp_avg_sq, barf, gamma, lb, count)`: $d$ and $v$, shaped as the
    parameters, in float32 or wider, $v$ real; and the scalars $\bar f$, $\gamma$, $f_*$ and $t$.

    **Raises** `ValueError` for a `value` that is an array.

    **Reference**: Schaipp et al. (2023), *MoMo: Momentum Models for Adaptive Learning Rates*,
    arXiv:2305.07583, algorithm 2; the estimate of the bound and the weight decay as in its authors' code.
    Optax leaves the step out of the division by $1 + \alpha\lambda$.

    >>> import jax.numpy as jnp
    >>> tx, params = scale_by_momo_adam(learning_rate=10.0), jnp.array([3.0, 4.0])
    >>> update, _ = tx.update(params, tx.init(params), params, value=14.0)
    >>> print([f"{u:.3f}" for u in update])  # twice the signs of the gradient
    ['2.000', '2.000']
    """

    b1: Number = decay_factor(default=0.9, doc="the decay of the averages")
    b2: Number = decay_factor(default=0.999, doc="the decay of the average square")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root")

    def init(self, params: Params) -> MomoAdamState:
        return MomoAdamState(*moments_like(params), *self._first_numbers(), zero_count())

    def apply(
        self, updates: Updates, state: MomoAdamState, params: Params = None, **extra: Any
    ) -> tuple[Updates, MomoAdamState]:
        count = safe_increment(state.count)
        now = moments(self.b1, self.b2, count)
        sums, d, v = map_leaves(
            _adam_averages,
            updates,
            state=(state.exp_avg, state.exp_avg_sq),
            params=params,
            numbers=(now.c1, now.c2, now.correction2, self.eps),
        )
        along, inner, square = totals(sums, 3, axis_name=self.axis_name)
        weight = as_scalar(now.c1)
        model = Model(
            barf=interpolate(state.barf, self._loss(extra["value"]), weight),
            gamma=interpolate(state.gamma, along, weight),
            inner=inner,
            length=root(square),
        )
        step, bound = self._step_size(model, state.lb, now.correction1)
        shrinkage = self._shrinkage()
        numbers = (now.correction2, self.eps, step / shrinkage, 1 - 1 / shrinkage)
        updates = map_leaves(_adam_step, updates, d=d, v=v, params=params, numbers=numbers)
        return updates, MomoAdamState(d, v, model.barf, model.gamma, bound, count)


def _averages(g: Array, d: Array, p: Array, weight: Array) -> tuple[Array, Array]:
    """The inner products of the gradient and of the average with the parameter; and the average."""
    d = interpolate(d, g, weight)
    return jnp.stack([inner_product(g, p), inner_product(d, p)]), d


def _adam_averages(
    g: Array, d: Array, v: Array, p: Array, c1: Array, c2: Array, correction2: Array, eps: Array
) -> tuple[Array, Array, Array]:
    """The same with the square of the average in Adam's metric; and both averages."""
    short = visible(bounded(g), g)
    d = interpolate(d, short, c1)
    v = interpolate(v, abs_squared(short), c2)
    square = inner_product(d, normalized(d, v, correction2, eps, 0.0))
    return jnp.stack([inner_product(short, p), inner_product(d, p), square]), d, v


def _step(g: Array, d: Array, p: Array, step: Array, decay: Array) -> Array:
    return step * d + decay * p


def _adam_step(
    g: Array, d: Array, v: Array, p: Array, correction2: Array, eps: Array, step: Array, decay: Array
) -> Array:
    return step * normalized(d, v, correction2, eps, 0.0) + decay * p

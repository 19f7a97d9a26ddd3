"""Sophia's direction: the average gradient over an average of the curvature, clipped."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import Tracer

from gradtx.arithmetic import clipped, complement, interpolate
from gradtx.core import (
    GradientTransformation,
    Number,
    Params,
    Updates,
    Wrapper,
    decay_factor,
    hyperparameter,
    incremental_update,
    nested,
    safe_increment,
    static,
    storage_dtype,
    zero_count,
)
from gradtx.rules._curvature import hutchinson_estimator_diag_hessian
from gradtx.tree import map_leaves, match, moments_like


class SophiaState(NamedTuple):
    """The state of `scale_by_sophia`: the count, both averages, and the state of the estimator."""

    count: Any
    mu: Any
    nu: Any
    hessian_fn_state: Any


class scale_by_sophia(Wrapper, state=SophiaState, role="normalizes", counts=("count",)):
    r"""Sophia's direction: the step of Newton's method, clipped to a bound.

    $$\mu_t = b_1 \mu_{t-1} + (1 - b_1)\,g_t, \qquad
      \nu_t = \begin{cases} b_2 \nu_{t-1} + (1 - b_2)\,\hat h_t & \text{every } k \text{ updates} \\
                            \nu_{t-1} & \text{else} \end{cases}$$
    $$u_t = \operatorname{clip}\!\left(\frac{\mu_t}{\max(\gamma \nu_t, \epsilon)}, \rho\right)$$

    where $k$ is `update_interval`, $\gamma$ is `gamma`, $\epsilon$ is `eps`, $\rho$ is `clip_threshold`, and
    $\hat h$ is an estimate of the Hessian's diagonal. If the curvature is small or negative, the bound
    takes over and the step is $\rho$ times the sign of $\mu$. A complex element keeps its phase and has its
    magnitude bounded.

    The estimator has a branch of its own in the compiled program, and costs nothing between estimates. Give
    its function to a `Stepper` as `jax.tree_util.Partial(loss, batch)`, so that the batch is no part of the
    program.

    **State**: `SophiaState(count, mu, nu, hessian_fn_state)`: an int32 scalar, two trees shaped as the
    parameters in float32 or wider, and the estimator's state; `mu` in `mu_dtype` if given; `nu` is real for
    complex parameters.

    **Raises** `ValueError` for an interval that is not a whole number of at least 1.

    **Reference**: Liu et al. (2023), *Sophia: A Scalable Stochastic Second-order Optimizer for Language
    Model Pre-training*, arXiv:2305.14342, algorithm 3. Optax divides by the average as it was before this
    update, so that its first step is a sign, and corrects the bias of `mu`; the paper does neither. The
    authors' code adds $10^{-15}$ to $\gamma \nu_t$ in place of the maximum.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_sophia(b1=0.5, b2=0.5, gamma=1.0)
    >>> loss = lambda x: jnp.sum(jnp.array([2.0, 1.0, -1.0]) * x**2)  # the curvature is 4, 2, -2
    >>> x = jnp.ones(3)
    >>> tx.update(jnp.array([1.0, 4.0, 1.0]), tx.init(x), x, obj_fn=loss)[0]  # 0.5/2, clipped 2/1, and a sign
    Array([0.25, 1.  , 1.  ], dtype=float32)
    """

    b1: Number = decay_factor(default=0.965, doc="the decay of the average gradient")
    b2: Number = decay_factor(
        default=0.99, doc="the decay of the average curvature, from one estimate to the next"
    )
    eps: Number = hyperparameter(default=1e-8, above=0.0, doc="the least denominator")
    gamma: Number = hyperparameter(
        default=0.01,
        low=0.0,
        doc=(
            "the share of the curvature in the denominator: the larger, the fewer elements are clipped. The "
            "paper takes 0.01 with Hutchinson's estimate and 0.05 with the Gauss-Newton-Bartlett one"
        ),
    )
    clip_threshold: Number = hyperparameter(default=1.0, above=0.0, doc="the bound on each element")
    update_interval: int = static(
        default=10,
        low=1,
        doc="the number of updates from one estimate to the next; the first update makes the first one",
    )
    hessian_diagonal_fn: GradientTransformation = nested(
        state="hessian_fn_state",
        default=hutchinson_estimator_diag_hessian(),
        doc=(
            r"a transformation that returns $\hat h$ for any updates, given the extra arguments it needs: "
            "`hutchinson_estimator_diag_hessian()` (needs `obj_fn`), `gauss_newton_bartlett()` (needs "
            "`logits_fn`), or your own, `GradientTransformation(init, update)`"
        ),
    )
    mu_dtype: Any = storage_dtype(of="mu", default=None)

    def init(self, params: Params) -> SophiaState:
        return SophiaState(
            zero_count(), *moments_like(params, self.mu_dtype), self.hessian_diagonal_fn.init(params)
        )

    def apply(
        self, updates: Updates, state: SophiaState, params: Params = None, **extra: Any
    ) -> tuple[Updates, SophiaState]:
        def refreshed(nu: Any, estimator: Any) -> tuple[Any, Any]:
            estimate, estimator = self.update_part(
                self.hessian_diagonal_fn, updates, estimator, params, **extra
            )
            match(updates, hessian_diagonal=estimate)
            return incremental_update(estimate, nu, complement(self.b2)), estimator

        nu, estimator = _where(
            state.count % self.update_interval == 0, refreshed, state.nu, state.hessian_fn_state
        )
        numbers = (complement(self.b1), self.gamma, self.eps, self.clip_threshold)
        updates, mu = map_leaves(_newton_step, updates, state=(state.mu,), nu=nu, numbers=numbers)
        return updates, SophiaState(safe_increment(state.count), mu, nu, estimator)


def _where(condition: Any, function: Any, *operands: Any) -> Any:
    """`function(*operands)` where the condition holds, else the operands as they are."""
    if isinstance(condition, Tracer):
        return jax.lax.cond(condition, function, lambda *operands: operands, *operands)
    # Outside of `jit` a `cond` would compile both branches at every step: a new loss is a new program.
    return function(*operands) if condition else operands


def _newton_step(
    g: Array, mu: Array, nu: Array, c1: Array, gamma: Array, eps: Array, bound: Array
) -> tuple[Array, Array]:
    mu = interpolate(mu, g, c1)
    return clipped(mu / jnp.maximum(gamma * nu, eps), bound), mu

"""Lookahead: slow weights that follow a fast optimizer every few steps."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import interpolate
from gradtx.core import (
    GradientTransformation,
    Number,
    OptState,
    Params,
    Updates,
    Wrapper,
    apply_updates,
    hyperparameter,
    moved_to,
    nested,
    static,
    storage_dtype,
    zero_count,
)
from gradtx.tree import arrays_of, copies, map_leaves
from gradtx.wrappers._restarting import restarted


class LookaheadState(NamedTuple):
    """The state of `lookahead`: the fast optimizer's, the place in the period, and the slow weights."""

    fast_state: OptState
    steps_since_sync: Array
    slow: Params


class lookahead(Wrapper, state=LookaheadState, needs=("params",), counts=("steps_since_sync",)):
    r"""Moves slow weights a part of the way that a fast optimizer goes in some steps, and restarts there.

    $$\theta_i = \theta_{i-1} + T(g_i), \quad i = 1, \dots, k, \qquad
      \phi \leftarrow \phi + \alpha\,(\theta_k - \phi), \qquad \theta_0 \leftarrow \phi$$

    where the parameters are the fast weights $\theta$, at which gradients are taken, and `eval_params`
    returns the slow weights $\phi$. Wrap everything that moves the parameters: a later transformation in a
    chain moves the fast weights away from the slow ones.

    **State**: `LookaheadState(fast_state, steps_since_sync, slow)`: the state of $T$, an int32 scalar, and
    $\phi$, shaped as the parameters: 4 bytes a float32 parameter.

    **Reference**: Zhang et al. (2019), *Lookahead Optimizer: k steps forward, 1 step back*, arXiv:1907.08610,
    algorithm 1; on ImageNet $k$ is 5 and $\alpha$ is 0.5. Optax keeps the slow weights beside the fast ones
    in the parameters, and in their dtype, and resets schedules with the state.

    >>> import jax.numpy as jnp
    >>> from gradtx import apply_updates, eval_params, sgd
    >>> tx, params = lookahead(sgd(1.0), sync_period=2, slow_step_size=0.5), jnp.array(0.0)
    >>> state = tx.init(params)
    >>> for _ in range(3):  # to -1 and -2, back to -1, on to -2
    ...     updates, state = tx.update(jnp.array(1.0), state, params)
    ...     params = apply_updates(params, updates)
    ...     print(params, eval_params(tx, state, params))
    -1.0 0.0
    -1.0 -1.0
    -2.0 -1.0
    """

    fast_optimizer: GradientTransformation = nested(
        state="fast_state",
        doc="$T$, any optimizer. Its state continues from one period to the next, unless it is reset",
    )
    sync_period: int = static(low=1, doc="$k$")
    slow_step_size: Number = hyperparameter(
        low=0.0, high=1.0, doc=r"$\alpha$; a schedule of it counts steps of the fast optimizer"
    )
    reset_state: bool = static(
        default=False,
        doc="whether each period starts with a new state of the fast optimizer; its schedules continue",
    )
    slow_dtype: Any = storage_dtype(
        default=None,
        kw_only=True,
        doc=r"the dtype in which $\phi$ is stored; by default the parameters' dtype, at least float32",
    )

    def init(self, params: Params) -> LookaheadState:
        return LookaheadState(self.fast_optimizer.init(params), zero_count(), copies(params, self.slow_dtype))

    def apply(
        self, updates: Updates, state: LookaheadState, params: Params = None, **extra: Any
    ) -> tuple[Updates, LookaheadState]:
        updates, fast_state = self.update_part(
            self.fast_optimizer, updates, state.fast_state, params, **extra
        )
        steps = state.steps_since_sync + 1
        syncs = steps >= self.sync_period
        numbers = (self.slow_step_size, syncs)
        updates, slow = map_leaves(_follow, updates, state=(state.slow,), fast=params, numbers=numbers)
        if self.reset_state:
            start = self.fast_optimizer.init(arrays_of(apply_updates(params, updates)))
            fast_state = restarted(syncs, start, fast_state)
        return updates, LookaheadState(fast_state, jnp.where(syncs, 0, steps), slow)

    def evaluation_params(self, state: LookaheadState, params: Params) -> Params:
        return moved_to(params, state.slow)


def _follow(step: Array, slow: Array, fast: Array, step_size: Array, syncs: Array) -> tuple[Array, Array]:
    # A selection by one scalar: a branch would keep the steps of all leaves in memory.
    step = jnp.where(syncs, interpolate(slow, fast + step, step_size) - fast, step)
    # In float32 the sum is the new parameter, which XLA then reads. It would copy the interpolation, which
    # reads the old parameter.
    return step, jnp.where(syncs, fast + step, slow)

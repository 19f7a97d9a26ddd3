"""Sharpness-aware minimization whose step up is made by an optimizer."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName, axes_in
from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Updates,
    Wrapper,
    apply_updates,
    moved_to,
    nested,
    static,
    zero_count,
)
from gradtx.tree import arrays_of, copies, map_leaves
from gradtx.wrappers._branching import update_if
from gradtx.wrappers._restarting import restarted


class SAMWithAdversaryState(NamedTuple):
    """The state of `sam_with_adversary`: the place in the period, both optimizers, and the outer point."""

    steps_since_sync: Array
    opt_state: OptState
    adv_state: OptState
    cache: Params


class sam_with_adversary(
    Wrapper, state=SAMWithAdversaryState, needs=("params",), counts=("steps_since_sync",)
):
    r"""Gives an optimizer the gradient at a point to which an adversary climbs from the parameters.

    $$\theta_0 = \theta, \qquad \theta_i = \theta_{i-1} - A(\nabla f(\theta_{i-1})), \quad i = 1, \dots, k-1,
      \qquad \theta \leftarrow \theta + T(\nabla f(\theta_{k-1}))$$

    The adversary $A$ is a descent: its steps are taken backwards. With $k = 2$ and
    `chain(normalize(), sgd(rho))` as adversary this is the algorithm of Foret et al., which `sam` has with
    the radius as its argument.

    By default a call of `update` is one of the $k$ steps: the parameters climb in the first $k - 1$ calls,
    and are $\theta + T(\dots)$ after the last. `eval_params` returns $\theta$ between them. In `opaque_mode`
    a call is a whole period, with the incoming updates as first gradient and the others from the extra
    argument `grad_fn(params, i)`, the gradient at the point after $i + 1$ steps:

        grad_fn = jax.grad(lambda params, i: loss(params, batch))
        updates, state = tx.update(grad_fn(params, 0), state, params, grad_fn=grad_fn)

    **State**: `SAMWithAdversaryState(steps_since_sync, opt_state, adv_state, cache)`: an int32 scalar, the
    states of $T$ and $A$, and a copy of $\theta$: 4 bytes a float32 parameter. In `opaque_mode` `cache` is
    `None`. The update after the climb contains the way back, so that in bfloat16 it is as coarse as the climb
    is long: keep the parameters in float32, or use `opaque_mode`.

    **Reference**: Foret et al. (2021), *Sharpness-Aware Minimization for Efficiently Improving
    Generalization*, arXiv:2010.01412, algorithm 1. Its name in `gradtx.contrib` is Optax's, `sam`. A reset
    lets the schedules of the adversary continue, and with a `sync_period` of 1 each step begins at its own
    parameters; in Optax schedules are reset, and such a step begins at the parameters before.

    >>> import jax.numpy as jnp
    >>> from gradtx import apply_updates, eval_params, sgd
    >>> tx, params = sam_with_adversary(sgd(1.0), sgd(0.5)), jnp.array(2.0)
    >>> state = tx.init(params)
    >>> for _ in range(2):  # up to 3, where the slope of x^2 / 2 is 3, and from 2 down by it
    ...     updates, state = tx.update(params, state, params)
    ...     params = apply_updates(params, updates)
    ...     print(params, eval_params(tx, state, params))
    3.0 2.0
    -1.0 -1.0
    """

    optimizer: GradientTransformation = nested(
        state="opt_state", may_skip=True, doc=r"$T$, any optimizer; it sees the parameters $\theta$"
    )
    adv_optimizer: GradientTransformation = nested(
        state="adv_state", may_skip=True, doc="$A$, the adversary: an optimizer of which each step is negated"
    )
    sync_period: int = static(default=2, low=1, doc="$k$")
    reset_state: bool = static(
        default=True,
        doc="whether each period starts with a new state of the adversary; schedules continue",
    )
    opaque_mode: bool = static(
        default=False, needs={"grad_fn": bool}, doc="whether a call is a whole period, and needs `grad_fn`"
    )
    batch_axis_name: AxisName = static(
        default=None,
        doc="the axes of devices over which the gradients of `grad_fn` are averaged; `None` averages nothing",
    )

    @property
    def couples_leaves(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - by an option
        return self.opaque_mode

    @property
    def in_lockstep(self) -> bool:
        return True

    def init(self, params: Params) -> SAMWithAdversaryState:
        states = self.optimizer.init(params), self.adv_optimizer.init(params)
        return SAMWithAdversaryState(
            zero_count(), *states, None if self.opaque_mode else copies(params, own_dtype=True)
        )

    def apply(
        self, updates: Updates, state: SAMWithAdversaryState, params: Params = None, **extra: Any
    ) -> tuple[Updates, SAMWithAdversaryState]:
        run = self._whole_period if self.opaque_mode else self._one_step
        return run(updates, state, params, extra)

    def _one_step(
        self, updates: Updates, state: SAMWithAdversaryState, params: Params, extra: dict[str, Any]
    ) -> tuple[Updates, SAMWithAdversaryState]:
        step = state.steps_since_sync
        begins, ends = step == 0, step == self.sync_period - 1
        _, cache = map_leaves(_kept, updates, state=(state.cache,), point=params, numbers=(begins,))
        outer = moved_to(params, cache)
        climb, adv_state = update_if(~ends, self.adv_optimizer, updates, state.adv_state, params, extra)
        descent, opt_state = update_if(ends, self.optimizer, updates, state.opt_state, outer, extra)
        updates = map_leaves(_move, descent, climb=climb, point=params, cache=cache, numbers=(ends,))
        adv_state = self._for_next(ends, adv_state, params)
        return updates, SAMWithAdversaryState((step + 1) % self.sync_period, opt_state, adv_state, cache)

    def _whole_period(
        self, updates: Updates, state: SAMWithAdversaryState, params: Params, extra: dict[str, Any]
    ) -> tuple[Updates, SAMWithAdversaryState]:
        point, adv_state = params, state.adv_state
        for i in range(self.sync_period - 1):
            climb, adv_state = self.update_part(self.adv_optimizer, updates, adv_state, point, **extra)
            point = apply_updates(point, map_leaves(jnp.negative, climb))
            updates = extra["grad_fn"](point, i)
            if axes := axes_in(self.batch_axis_name):
                updates = jax.lax.pmean(updates, axes)
        updates, opt_state = self.update_part(self.optimizer, updates, state.opt_state, params, **extra)
        adv_state = self._for_next(jnp.array(True), adv_state, params)
        return updates, state._replace(opt_state=opt_state, adv_state=adv_state)

    def _for_next(self, ends: Array, adv_state: OptState, params: Params) -> OptState:
        if not self.reset_state:
            return adv_state
        return restarted(ends, self.adv_optimizer.init(arrays_of(params)), adv_state)

    def evaluation_params(self, state: SAMWithAdversaryState, params: Params) -> Params:
        if not self.opaque_mode:
            between = state.steps_since_sync > 0
            params = moved_to(params, map_leaves(_chosen, state.cache, point=params, numbers=(between,)))
        return self.optimizer.evaluation_params(state.opt_state, params)


def _kept(g: Array, cache: Array, point: Array, begins: Array) -> tuple[Array, Array]:
    return g, jnp.where(begins, point, cache)


def _chosen(cache: Array, point: Array, between: Array) -> Array:
    return jnp.where(between, cache, point)


def _move(descent: Array, climb: Array, point: Array, cache: Array, ends: Array) -> Array:
    """From the point back to the cache and on by the descent, or one step up."""
    return jnp.where(ends, (cache - point) + descent, -climb)

"""Accumulation: one update from the gradients of several micro-batches."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.core import Tracer

from gradtx.arithmetic import multiply_by
from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Schedule,
    Updates,
    Wrapper,
    as_schedule,
    checks_keywords,
    identity,
    nested,
    static,
    storage_dtype,
    whole_number,
    zero_count,
)
from gradtx.tree import as_scalar, map_leaves, number, state_like
from gradtx.wrappers._branching import increment_if, update_if

ShouldSkipUpdateFunction = Callable[[Updates, Array, Params], tuple[Any, Any]]
"""From updates, the number of updates made and parameters: whether to skip, and a report for the state."""


class MultiStepsState(NamedTuple):
    """The state of `accumulate`: its place in the cycle, the inner state, and the average so far."""

    mini_step: Array
    gradient_step: Array
    inner_opt_state: OptState
    acc_grads: Updates
    skip_state: Any = ()
    acc_weight: Array | None = None
    updated: Array | None = None


def _as_period(every_k: Any) -> int | Schedule:
    if callable(every_k):
        return as_schedule(every_k)
    return whole_number("accumulate: every_k_schedule", every_k, low=1)


class accumulate(Wrapper, state=MultiStepsState, counts=("mini_step", "gradient_step")):
    r"""Averages the gradients of $k$ micro-batches, and updates once with the average.

    $$\bar g_i = \bar g_{i-1} + \frac{w_i}{w_1 + \dots + w_i}\,(g_i - \bar g_{i-1}), \qquad
      u = T(\bar g_k), \quad\text{and } 0 \text{ for } i < k$$

    The inner transformation runs once in $k$ calls, in a conditional branch: its schedules count updates,
    not micro-batches. It gets the average in float32 or wider, and the extra arguments of the call in which
    it runs. The update from $k$ equal micro-batches is exactly that from one of them without the wrapper.

    With `weighted`, `update` needs `weight`, the $w_i$: the number of tokens over which the gradient is a
    mean. Without it all weights are 1. The inner transformation gets the sum of the weights of a cycle as its
    `weight`. A cycle whose weights are all 0 makes no update. Under `jax.jit` a weight that is negative or
    not finite makes the average NaN.

    **State**: `MultiStepsState(mini_step, gradient_step, inner_opt_state, acc_grads, skip_state,
    acc_weight, updated)`: the number of micro-batches in this cycle and the number of updates made, in int32;
    the state of the inner transformation; the average, which an update leaves in place until the next cycle
    begins; the report of the skip function; the sum of the weights, `None` unless `weighted`; and whether the
    last call made an update, `None` where the two counts tell it.

    **Raises** `ValueError` for a weight that is negative or not finite, outside of `jax.jit`.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx = accumulate(sgd(1.0), 2)
    >>> state = tx.init(jnp.array(0.0))
    >>> for g in (1.0, 3.0):
    ...     update, state = tx.update(jnp.array(g), state)
    ...     print(update, tx.has_updated(state))
    0.0 False
    -2.0 True
    """

    opt: GradientTransformation = nested(
        state="inner_opt_state",
        may_skip=True,
        doc="the transformation that makes the update from the average",
    )
    every_k_schedule: int | Schedule = static(
        convert=_as_period, doc="$k$, or a schedule of it as a function of the number of updates made"
    )
    use_grad_mean: bool = static(
        default=True, doc="whether the inner transformation gets the average of the gradients, or their sum"
    )
    should_skip_update_fn: ShouldSkipUpdateFunction | None = static(
        default=None,
        doc=(
            "a function of updates, number of updates made and parameters that returns whether to leave out "
            "this micro-batch, and a report for `skip_state`. A skipped micro-batch counts neither in the "
            "average nor towards $k$. `skip_not_finite` and `skip_large_updates` are such functions"
        ),
    )
    accumulator_dtype: Any = storage_dtype(
        default=None,
        doc="the dtype in which the average is stored; by default the parameters' dtype, at least float32",
    )
    weighted: bool = static(
        default=False,
        needs={"weight": bool},
        kw_only=True,
        doc="whether `update` takes the weight $w_i$ of each micro-batch",
    )

    def init(self, params: Params) -> MultiStepsState:
        average = state_like(params, self.accumulator_dtype)
        _, skip_state = self._skips(average, zero_count(), params)
        weight = number() if self.weighted else None
        updated = jnp.zeros((), bool) if self._may_stand_still else None
        return MultiStepsState(
            zero_count(), zero_count(), self.opt.init(params), average, skip_state, weight, updated
        )

    def apply(
        self, updates: Updates, state: MultiStepsState, params: Params = None, **extra: Any
    ) -> tuple[Updates, MultiStepsState]:
        skips, skip_state = self._skips(updates, state.gradient_step, params)
        before = state.mini_step.astype(float) if state.acc_weight is None else state.acc_weight
        weight = jnp.where(skips, 0.0, _checked(extra["weight"]) if self.weighted else 1.0)
        total = before + weight
        extra = extra | ({"weight": total} if self.weighted else {})
        fraction = weight / jnp.where(total == 0, 1, total)  # NaN for a weight that is not finite
        average, acc_grads = map_leaves(
            _accumulated, updates, state=(state.acc_grads,), numbers=(fraction, before == 0)
        )
        mini_step = jnp.where(skips, state.mini_step, state.mini_step + 1)
        ends = self._ends(mini_step, state.gradient_step)
        runs = ends & (total != 0)
        gathered = average if self.use_grad_mean else map_leaves(multiply_by, average, numbers=(total,))
        updates, inner = update_if(runs, self.opt, gathered, state.inner_opt_state, params, extra)
        return updates, MultiStepsState(
            jnp.where(ends, 0, mini_step),
            increment_if(runs, state.gradient_step),
            inner,
            acc_grads,
            skip_state,
            jnp.where(ends, 0.0, total) if self.weighted else None,
            runs if self._may_stand_still else None,
        )

    def has_updated(self, state: MultiStepsState) -> Array:
        """Whether the last call ended a cycle with an update."""
        if state.updated is not None:
            return state.updated
        return (state.mini_step == 0) & (state.gradient_step > 0)

    @property
    def _may_stand_still(self) -> bool:
        """Whether a call may leave the counts as they are after an update."""
        return self.weighted or self.should_skip_update_fn is not None

    @property
    def couples_leaves(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - by an option
        return self.should_skip_update_fn is not None

    @property
    def in_lockstep(self) -> bool:
        return not self._may_stand_still

    @cached_property
    def counts(self) -> tuple[str, ...]:
        return self._counts if self.in_lockstep else ()

    def gradient_transformation(self) -> GradientTransformation:
        """This value itself. In Optax, `MultiSteps` becomes a transformation by this method."""
        return self

    def _ends(self, mini_step: Array, gradient_step: Array) -> Array:
        """Whether a cycle ends with this micro-batch."""
        k = self.every_k_schedule
        return mini_step.astype(float) >= (k if isinstance(k, int) else k(gradient_step))

    def _skips(self, updates: Updates, gradient_step: Array, params: Params) -> tuple[Any, Any]:
        function = self.should_skip_update_fn
        return (False, ()) if function is None else function(updates, gradient_step, params)


MultiSteps = accumulate
ApplyEvery = MultiStepsState


@checks_keywords
def apply_every(k: int = 1) -> accumulate:
    """Returns the sum of the updates of `k` calls with the last of them, and zeros before.

    The transformations before it in a chain run at every call; `accumulate` runs its inner transformation
    once in `k` calls. It is `accumulate(identity(), k, use_grad_mean=False)`.

    Args:
      k: the number of calls.

    >>> import jax.numpy as jnp
    >>> tx = apply_every(2)
    >>> state = tx.init(jnp.array(0.0))
    >>> for g in (1.0, 3.0):
    ...     update, state = tx.update(jnp.array(g), state)
    ...     print(update)
    0.0
    4.0
    """
    return accumulate(identity(), k, use_grad_mean=False)


def _checked(weight: Any) -> Array:
    """A weight as a number; an invalid one raises an error, or becomes NaN where it is traced."""
    number = jnp.asarray(as_scalar(weight))
    if not isinstance(weight, Tracer) and not 0 <= float(weight) < float("inf"):
        raise ValueError(f"accumulate: weight must be a finite number of at least 0, got {weight}.")
    return jnp.where(number >= 0, number, jnp.nan)


def _accumulated(g: Array, average: Array, fraction: Array, begins: Array) -> tuple[Array, Array]:
    """The average that `g` enters with this fraction of the weight; the first of a cycle begins a new one."""
    # Selections rather than products: a skipped gradient may be infinite, and so may the last average.
    kept = jnp.where(begins, 0, average)
    moved = jnp.where(begins, g, _between(average, g, fraction))
    average = jnp.where(fraction == 0, kept, moved)
    average = jnp.where(jnp.isnan(fraction), jnp.nan, average)
    return average, average


def _between(old: Array, new: Array, weight: Array) -> Array:
    """`interpolate` without the difference of the two arrays, which overflows above 1.7e38."""
    near = weight > 0.5
    rate = jnp.where(near, weight - 1, weight)
    return jnp.where(near, new, old) + (rate * new - rate * old)

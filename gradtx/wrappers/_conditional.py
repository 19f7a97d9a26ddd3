"""Conditionals: a transformation that runs at some steps and not at others."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Updates,
    Wrapper,
    as_transformation,
    nested,
    safe_increment,
    static,
    zero_count,
)
from gradtx.wrappers._branching import update_if

ConditionFn = Callable[..., Any]
"""From the count of updates, and on request the extra arguments, to a boolean."""


class ConditionallyTransformState(NamedTuple):
    """The state of `conditionally_transform`: the inner state, and the number of updates."""

    inner_state: OptState
    step: Array


class ConditionallyMaskState(NamedTuple):
    """The state of `conditionally_mask`: the number of updates, and the inner state."""

    step: Array
    inner_state: OptState


class conditionally_transform(Wrapper, state=ConditionallyTransformState):
    r"""Applies a transformation at the steps that satisfy a condition; at others the updates pass.

    $$u = \begin{cases} T(g) & \text{where } c(t) \\ g & \text{elsewhere} \end{cases}$$

    with $t = 0$ at the first update. At a step without the condition the inner transformation does not run:
    its state stays, and its schedules stand still.

    **State**: `ConditionallyTransformState(inner_state, step)`: the state of the inner transformation and an
    int32 scalar, the number of updates.

    **Raises** `TreeMismatchError` for an inner transformation whose updates have other shapes than the
    incoming ones, as one of per-example gradients has, and `TypeError` for a condition that is no single
    boolean.

    >>> import jax.numpy as jnp
    >>> from gradtx import scale
    >>> tx = conditionally_transform(scale(10.0), lambda step: step % 2 == 1)
    >>> state = tx.init(jnp.array(0.0))
    >>> for _ in range(2):
    ...     update, state = tx.update(jnp.array(1.0), state)
    ...     print(update)
    1.0
    10.0
    """

    inner: GradientTransformation = nested(
        as_transformation, state="inner_state", may_skip=True, doc="the transformation $T$"
    )
    should_transform_fn: ConditionFn = static(
        doc="the condition $c$: a function of the count, an int32 array, that returns one boolean"
    )
    forward_extra_args: bool = static(
        default=False, doc="whether that function gets the extra arguments of the update too, by name"
    )

    def init(self, params: Params) -> ConditionallyTransformState:
        return ConditionallyTransformState(self.inner.init(params), zero_count())

    def apply(
        self, updates: Updates, state: ConditionallyTransformState, params: Params = None, **extra: Any
    ) -> tuple[Updates, ConditionallyTransformState]:
        holds = _holds(self.should_transform_fn, state.step, extra if self.forward_extra_args else {})
        updates, inner = update_if(
            holds, self.inner, updates, state.inner_state, params, extra, instead=updates
        )
        return updates, ConditionallyTransformState(inner, safe_increment(state.step))


class conditionally_mask(Wrapper, state=ConditionallyMaskState):
    r"""Applies a transformation at the steps that satisfy a condition; at others the updates are zero.

    $$u = \begin{cases} T(g) & \text{where } c(t) \\ 0 & \text{elsewhere} \end{cases}$$

    It is otherwise the same as `conditionally_transform`.

    **State**: `ConditionallyMaskState(step, inner_state)`: an int32 scalar, the number of updates, and the
    state of the inner transformation.

    **Raises** `TypeError` for a condition that is no single boolean.

    >>> import jax.numpy as jnp
    >>> from gradtx import scale
    >>> tx = conditionally_mask(scale(10.0), lambda step: step % 2 == 1)
    >>> state = tx.init(jnp.array(0.0))
    >>> for _ in range(2):
    ...     update, state = tx.update(jnp.array(1.0), state)
    ...     print(update)
    0.0
    10.0
    """

    inner: GradientTransformation = nested(
        as_transformation, state="inner_state", may_skip=True, doc="the transformation $T$"
    )
    should_transform_fn: ConditionFn = static(
        doc="the condition $c$: a function of the count, an int32 array, that returns one boolean"
    )
    forward_extra_args: bool = static(
        default=False, doc="whether that function gets the extra arguments of the update too, by name"
    )

    def init(self, params: Params) -> ConditionallyMaskState:
        return ConditionallyMaskState(zero_count(), self.inner.init(params))

    def apply(
        self, updates: Updates, state: ConditionallyMaskState, params: Params = None, **extra: Any
    ) -> tuple[Updates, ConditionallyMaskState]:
        holds = _holds(self.should_transform_fn, state.step, extra if self.forward_extra_args else {})
        updates, inner = update_if(holds, self.inner, updates, state.inner_state, params, extra)
        return updates, ConditionallyMaskState(safe_increment(state.step), inner)


def _holds(condition: ConditionFn, step: Array, extra: dict[str, Any]) -> Array:
    holds = jnp.asarray(condition(step, **extra))
    if holds.shape or holds.dtype != bool:
        raise TypeError(
            f"should_transform_fn must return one boolean, got an array of shape {holds.shape} and dtype "
            f"{holds.dtype}."
        )
    return holds

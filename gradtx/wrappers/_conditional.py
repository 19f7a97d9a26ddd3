"""Conditionals: a transformation that runs at some steps and not at others."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Updates,
    Wrapper,
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


class _Conditional(Wrapper, state=(ConditionallyTransformState, ConditionallyMaskState), abstract=True):
    """A transformation that runs at the steps that satisfy a condition."""

    inner: GradientTransformation = nested(state="inner_state", may_skip=True, doc="the transformation $T$")
    should_transform_fn: ConditionFn = static(
        doc="the condition $c$: a function of the count, an int32 array, that returns one boolean"
    )
    forward_extra_args: bool = static(
        default=False, doc="whether that function gets the extra arguments of the update too, by name"
    )

    passes: ClassVar[bool]
    """Whether the updates pass at the other steps; else they are zero."""

    @property
    def in_lockstep(self) -> bool:
        return not self.forward_extra_args

    def init(self, params: Params) -> OptState:
        return self._states[0](inner_state=self.inner.init(params), step=zero_count())

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        holds = jnp.asarray(
            self.should_transform_fn(state.step, **(extra if self.forward_extra_args else {}))
        )
        if holds.shape or holds.dtype != bool:
            raise TypeError(
                f"should_transform_fn must return one boolean, got an array of shape {holds.shape} and dtype "
                f"{holds.dtype}."
            )
        instead = updates if self.passes else None
        updates, inner = update_if(holds, self.inner, updates, state.inner_state, params, extra, instead)
        return updates, state._replace(inner_state=inner, step=safe_increment(state.step))


class conditionally_transform(_Conditional, state=ConditionallyTransformState, counts=("step",)):
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

    passes = True


class conditionally_mask(_Conditional, state=ConditionallyMaskState, counts=("step",)):
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

    passes = False

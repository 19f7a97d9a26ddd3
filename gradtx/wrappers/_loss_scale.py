"""Loss scaling: gradients in float16 that do not underflow."""

import operator
from itertools import pairwise
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.arithmetic import AxisName
from gradtx.core import (
    GradientTransformation,
    Number,
    OptState,
    Params,
    Updates,
    Wrapper,
    hyperparameter,
    nested,
    static,
    zero_count,
)
from gradtx.tree import as_scalar, map_leaves, number
from gradtx.wrappers._branching import increment_if
from gradtx.wrappers._finite import all_finite, update_if_finite

_LARGEST = 2.0**127  # the last power of two in float32


class DynamicLossScaleState(NamedTuple):
    """The state of `dynamic_loss_scale`: the scale, the counts of steps, and the inner state."""

    loss_scale: Array
    good_steps: Array
    skipped: Array
    inner_state: OptState

    def metrics(self) -> dict[str, Any]:
        """The scale, and the number of updates that were skipped."""
        return {"loss_scale": self.loss_scale, "skipped": self.skipped}


class dynamic_loss_scale(Wrapper, state=DynamicLossScaleState):
    r"""Takes the gradients of a scaled loss, and keeps the scale as large as possible.

    $$u = \begin{cases} T(g / s) & \text{where } g \text{ is finite} \\ 0 & \text{elsewhere} \end{cases}$$

    Small gradients become 0 in float16. Those of a loss times $s$ are $s$ times as large, and are divided by
    $s$ again in float32. A step with an overflow is skipped, and $s$ is multiplied by `backoff_factor`; after
    `growth_interval` steps without one, $s$ is multiplied by `growth_factor`. bfloat16 has the range of
    float32 and needs no loss scaling.

    Multiply the loss by `loss_scale` of the state, wherever it is nested:
    `gradtx.tree.get(state, "loss_scale")`.

    **State**: `DynamicLossScaleState(loss_scale, good_steps, skipped, inner_state)`: $s$ in float32, the
    number of finite steps since it changed and the number of all skipped steps in int32, and the state of the
    inner transformation.

    **Raises** `ValueError` unless `min_scale`, `initial_scale` and `max_scale` are in ascending order:
    at construction, and after a `replace` in `init`.

    **Reference**: Micikevicius et al. (2018), *Mixed Precision Training*, arXiv:1710.03740, section 3.2.

    >>> import jax, jax.numpy as jnp
    >>> from gradtx import sgd, tree
    >>> tx, params = dynamic_loss_scale(sgd(1.0)), jnp.array(1.0)
    >>> state = tx.init(params)
    >>> loss = lambda p: 1e-9 * p.astype(float) * tree.get(state, "loss_scale")
    >>> gradient = jax.grad(loss)(params.astype("float16"))
    >>> update, state = tx.update(gradient, state, params)
    >>> print(f"{gradient.dtype} {update:.1e}")  # without the scale the gradient would be 0
    float16 -1.0e-09
    """

    inner: GradientTransformation = nested(
        state="inner_state", may_skip=True, doc="the transformation $T$ of $g / s$"
    )
    initial_scale: float = hyperparameter(default=2.0**15, above=0.0, high=_LARGEST, doc="the first $s$")
    growth_interval: int = static(
        default=2000, low=1, doc="the number of finite steps in a row after which $s$ grows"
    )
    growth_factor: Number = hyperparameter(default=2.0, low=1.0, doc="the factor by which $s$ grows")
    backoff_factor: Number = hyperparameter(
        default=0.5, above=0.0, below=1.0, doc="the factor by which $s$ shrinks"
    )
    min_scale: Number = hyperparameter(default=1.0, above=0.0, high=_LARGEST, doc="the least $s$")
    max_scale: Number = hyperparameter(
        default=2.0**24,
        above=0.0,
        high=_LARGEST,
        doc="the greatest $s$; an infinite one would leave nothing of a gradient",
    )
    axis_name: AxisName = static(
        default=None,
        kw_only=True,
        doc="inside `jax.shard_map`, the mesh axes over which the gradients are split",
    )

    couples_leaves = True

    def validate(self) -> None:
        given = {name: self.__dict__[name] for name in ("min_scale", "initial_scale", "max_scale")}
        known = {name: float(scale) for name, scale in given.items() if isinstance(scale, float | np.generic)}
        for (low, least), (high, most) in pairwise(known.items()):
            if least > most:
                raise ValueError(
                    f"dynamic_loss_scale: {low} must be at most {high}, got {least:g} and {most:g}."
                )

    def init(self, params: Params) -> DynamicLossScaleState:
        scale, inner = number(self.initial_scale), self.inner.init(params)
        return DynamicLossScaleState(scale, zero_count(), zero_count(), inner)

    def apply(
        self, updates: Updates, state: DynamicLossScaleState, params: Params = None, **extra: Any
    ) -> tuple[Updates, DynamicLossScaleState]:
        scale = state.loss_scale
        finite = all_finite(updates, self.axis_name)
        unscaled = map_leaves(operator.truediv, updates, numbers=(scale,))
        updates, inner, finite = update_if_finite(
            finite, self.inner, unscaled, state.inner_state, params, extra, self.axis_name
        )
        good = jnp.where(finite, state.good_steps + 1, 0)
        grows = good >= self.growth_interval
        growth, backoff = as_scalar(self.growth_factor), as_scalar(self.backoff_factor)
        factor = jnp.where(finite, jnp.where(grows, growth, jnp.ones_like(growth)), backoff)
        return updates, DynamicLossScaleState(
            jnp.clip(scale * factor, as_scalar(self.min_scale), as_scalar(self.max_scale)),
            jnp.where(grows, 0, good),
            increment_if(~finite, state.skipped),
            inner,
        )

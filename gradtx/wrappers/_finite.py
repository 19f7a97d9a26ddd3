"""Leaving out updates with gradients that are not finite."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName
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
from gradtx.tree import is_inexact
from gradtx.wrappers._branching import update_if


class ApplyIfFiniteState(NamedTuple):
    """The state of `apply_if_finite`: its counts, and the inner state."""

    notfinite_count: Array
    last_finite: Array
    total_notfinite: Array
    inner_state: OptState

    def metrics(self) -> dict[str, Any]:
        """The number of updates that were skipped."""
        return {"skipped": self.total_notfinite}


class apply_if_finite(Wrapper, state=ApplyIfFiniteState):
    r"""Applies a transformation to gradients that are finite in every element, and skips the others.

    $$u = \begin{cases} T(g) & \text{where } g \text{ is finite} \\ 0 & \text{elsewhere} \end{cases}$$

    A skipped step changes no state of the inner transformation. Every fault is skipped. Optax lets one
    through after a number of faults in a row, and the averages never recover from it; here a training loop
    reads `has_failed(state)` and stops. `guard` watches the loss and spikes too.

    **State**: `ApplyIfFiniteState(notfinite_count, last_finite, total_notfinite, inner_state)`: the number of
    faults in a row in int32, whether the last gradients were finite, the number of all faults in int32, and
    the state of the inner transformation.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx = apply_if_finite(sgd(0.5), max_consecutive_errors=0)
    >>> update, state = tx.update(jnp.array(jnp.inf), tx.init(jnp.array(0.0)))
    >>> print(update, state.total_notfinite, tx.has_failed(state))
    0.0 1 True
    """

    inner: GradientTransformation = nested(
        as_transformation, state="inner_state", may_skip=True, doc="the transformation $T$"
    )
    max_consecutive_errors: int = static(
        low=0, doc="the largest number of faults in a row with which `has_failed` is false"
    )
    axis_name: AxisName = static(
        default=None,
        kw_only=True,
        doc=(
            "inside `jax.shard_map`, the mesh axes over which the gradients are split: a fault in one shard "
            "is one in all"
        ),
    )

    couples_leaves = True

    def init(self, params: Params) -> ApplyIfFiniteState:
        return ApplyIfFiniteState(zero_count(), jnp.ones((), bool), zero_count(), self.inner.init(params))

    def apply(
        self, updates: Updates, state: ApplyIfFiniteState, params: Params = None, **extra: Any
    ) -> tuple[Updates, ApplyIfFiniteState]:
        finite = all_finite(updates, self.axis_name)
        updates, inner = update_if(finite, self.inner, updates, state.inner_state, params, extra)
        return updates, ApplyIfFiniteState(
            jnp.where(finite, 0, safe_increment(state.notfinite_count)),
            finite,
            jnp.where(finite, state.total_notfinite, safe_increment(state.total_notfinite)),
            inner,
        )

    def has_failed(self, state: ApplyIfFiniteState) -> Array:
        """Whether there were more than `max_consecutive_errors` faults in a row, up to the last update."""
        return state.notfinite_count > self.max_consecutive_errors


def all_finite(tree: Any, axis_name: AxisName = None) -> Array:
    """Whether every element of every floating-point or complex leaf is finite.

    Args:
      tree: a tree of arrays; other leaves are ignored.
      axis_name: inside `jax.shard_map`, the mesh axes over which the leaves are split.

    >>> import jax.numpy as jnp
    >>> print(all_finite({"w": jnp.ones(2), "b": jnp.array(jnp.nan)}))
    False
    """
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree) if is_inexact(leaf)]
    everywhere = jnp.stack([*finite, jnp.ones((), bool)]).all()
    return everywhere if axis_name is None else jax.lax.pmin(everywhere.astype(jnp.int32), axis_name) == 1

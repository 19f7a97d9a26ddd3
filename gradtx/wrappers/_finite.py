"""Leaving out updates that are not finite, or whose gradients are not."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import keystr, tree_leaves_with_path

from gradtx.arithmetic import AxisName, over_shards
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
from gradtx.tree import is_inexact, is_placeholder, match, narrowed
from gradtx.wrappers._branching import increment_if, keep_if, update_if, zeros_of


class ApplyIfFiniteState(NamedTuple):
    """The state of `apply_if_finite`: its counts, and the inner state."""

    notfinite_count: Array
    last_finite: Array
    total_notfinite: Array
    inner_state: OptState

    def metrics(self) -> dict[str, Any]:
        """The number of updates that were skipped."""
        return {"skipped": self.total_notfinite}

    def report(self, params: Params = None) -> str:
        """The number of updates that were skipped, and of those in a row up to the last one."""
        return f"{self.total_notfinite} updates skipped, {self.notfinite_count} in a row."


class apply_if_finite(Wrapper, state=ApplyIfFiniteState):
    r"""Applies a transformation where gradients and updates are finite in every element, and skips the rest.

    $$u = \begin{cases} T(g) & \text{where } g \text{ and } T(g) \text{ are finite} \\
      0 & \text{elsewhere} \end{cases}$$

    An update counts in the precision in which it is returned: in float16 it is infinite above 65504. A
    skipped step changes no state of the inner transformation. Every fault is skipped. Optax lets one
    through after a number of faults in a row, and the averages never recover from it; here a training loop
    reads `has_failed(state)` and stops. `guard` watches the loss and spikes too.

    **State**: `ApplyIfFiniteState(notfinite_count, last_finite, total_notfinite, inner_state)`: the number of
    faults in a row in int32, whether the last step was applied, the number of all faults in int32, and
    the state of the inner transformation.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx = apply_if_finite(sgd(0.5), max_consecutive_errors=0)
    >>> update, state = tx.update(jnp.array(jnp.inf), tx.init(jnp.array(0.0)))
    >>> print(update, state.total_notfinite, tx.has_failed(state))
    0.0 1 True
    """

    inner: GradientTransformation = nested(state="inner_state", may_skip=True, doc="the transformation $T$")
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
        updates, inner, finite = update_if_finite(
            finite, self.inner, updates, state.inner_state, params, extra, self.axis_name
        )
        return updates, ApplyIfFiniteState(
            jnp.where(finite, 0, safe_increment(state.notfinite_count)),
            finite,
            increment_if(~finite, state.total_notfinite),
            inner,
        )

    def has_failed(self, state: ApplyIfFiniteState) -> Array:
        """Whether there were more than `max_consecutive_errors` faults in a row, up to the last update."""
        return self.own_state(state).notfinite_count > self.max_consecutive_errors


def update_if_finite(
    condition: Any,
    tx: GradientTransformation,
    updates: Updates,
    state: OptState,
    params: Params,
    extra: dict[str, Any],
    axis_name: AxisName = None,
) -> tuple[Updates, OptState, Array]:
    """`update_if`, which also leaves out an update that is not finite in the precision of `params`.

    Returns:
      The updates, the next state of `tx`, and whether the update was applied.
    """
    changed, new = update_if(condition, tx, updates, state, params, extra)
    finite = all_finite(narrowed(changed, updates, params), axis_name)
    changed, new = keep_if(finite, (changed, new), (zeros_of(changed), state))
    return changed, new, condition & finite


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
    if not axis_name:
        return everywhere
    return over_shards(everywhere.astype(jnp.int32), axis_name, jax.lax.pmin) == 1


def first_not_finite(updates: Updates, params: Params, axis_name: AxisName) -> Array:
    """The index of the first leaf with an element that is not finite, and the number of leaves without one.

    The index is one into the parameters, if there are any: a `None` among the updates may stand for a whole
    subtree of them.
    """
    leaves, (beside,), _ = match(updates, same_shape=False, params=updates if params is None else params)
    widths = [len(jax.tree.leaves(part, is_leaf=is_placeholder)) for part in beside]
    places = np.cumsum([0, *widths]).astype(np.int32)
    bad = [~jnp.isfinite(leaf).all() if is_inexact(leaf) else jnp.zeros((), bool) for leaf in leaves]
    first = jnp.asarray(places)[jnp.argmax(jnp.stack([*bad, jnp.ones((), bool)]))]
    return over_shards(first, axis_name, jax.lax.pmin)


def leaf_name(params: Params, index: int) -> str:
    """The name of the leaf with this index, after the last of which stands the norm or the loss."""
    if params is None:
        return f"leaf {index}, counted from 0"
    paths = [keystr(path) for path, _ in tree_leaves_with_path(params, is_leaf=is_placeholder)]
    named = paths[index] if index < len(paths) else "the loss, or a norm that overflowed"
    return named or "the one leaf"

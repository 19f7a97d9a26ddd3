"""Differential privacy: the mean of clipped per-example gradients, and noise."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName, split_over, varying
from gradtx.core import (
    GradientTransformation,
    Number,
    Params,
    Updates,
    hyperparameter,
    require_axis_name,
    static,
)
from gradtx.rules._per_example import example_factors, of_one_example, sum_of_shortened
from gradtx.tree import (
    Key,
    TreeMismatchError,
    as_key,
    as_scalar,
    draws_like,
    first_words,
    is_inexact,
    map_leaves,
    match,
    next_words,
    normal,
)


class DifferentiallyPrivateAggregateState(NamedTuple):
    """The state of `differentially_private_aggregate`: the words of the next draw's key."""

    rng_key: Any


class differentially_private_aggregate(
    GradientTransformation,
    state=DifferentiallyPrivateAggregateState,
    check="structure",
    role="clips",
):
    r"""Averages the gradients of single examples, each shortened to a bound, and adds noise.

    $$u = \frac1B \Big( \sum_{i=1}^B \min\Big(1, \frac{C}{\|g_i\|}\Big)\,g_i + \sigma C\,\varepsilon \Big),
      \qquad \varepsilon \sim \mathcal N(0, 1)$$

    The incoming updates have one more axis than the parameters, the first one, which numbers the $B$
    examples: they are those of `jax.vmap(jax.grad(loss), in_axes=(None, 0))`. The transformation stands
    first in a chain. The norm of an example is taken over all leaves. An example whose norm is not finite
    counts as zeros, since it has no bound. Each part of a complex number has noise of its own, of this
    deviation.

    **State**: `DifferentiallyPrivateAggregateState(rng_key)`: the words of a key, which NumPy and
    checkpoints can store.

    Inside `jax.shard_map` every device has all examples, and `axis_name` names the axes over which the leaves
    are split. Examples that are split over devices need `jax.jit`, where arrays are whole.

    **Raises** `ValueError` if the first axes of the leaves differ in length, or there are no examples; and
    inside `jax.shard_map` for examples that are split, and where types do not show whether leaves are split
    and `axis_name` does not say it.

    **Reference**: Abadi et al. (2016), *Deep Learning with Differential Privacy*, arXiv:1607.00133,
    algorithm 1.

    >>> import jax.numpy as jnp
    >>> tx = differentially_private_aggregate(1.0, noise_multiplier=0.0, key=0)
    >>> per_example = jnp.array([[3.0, 4.0], [0.2, 0.0]])
    >>> tx.update(per_example, tx.init(jnp.zeros(2)))[0]
    Array([0.4, 0.4], dtype=float32)
    """

    l2_norm_clip: Number = hyperparameter(
        low=0.0,
        below=float("inf"),
        doc=(
            "$C$, the bound on the norm of each example's gradient. Without a bound no noise hides an "
            "example: a traced one that is infinite makes every update infinite or NaN"
        ),
    )
    noise_multiplier: Number = hyperparameter(
        low=0.0, below=float("inf"), doc=r"$\sigma$, the deviation of the noise in units of $C$"
    )
    key: Key = static(default=0, convert=as_key, doc="a seed, or a key of `jax.random`; it is structure")
    axis_name: AxisName = static(
        default=None,
        kw_only=True,
        doc=(
            "inside `jax.shard_map`, the mesh axes over which the leaves are split: the norm of an example "
            "is that over all shards, and each shard has noise of its own. `()`, for whole leaves, must be "
            "given where types do not show it, as under `check_vma=False`"
        ),
    )

    couples_leaves = True

    def init(self, params: Params) -> DifferentiallyPrivateAggregateState:
        return DifferentiallyPrivateAggregateState(first_words(self.key))

    def apply(
        self,
        updates: Updates,
        state: DifferentiallyPrivateAggregateState,
        params: Params = None,
        **extra: Any,
    ) -> tuple[Updates, DifferentiallyPrivateAggregateState]:
        require_axis_name(type(self).__name__, self.axis_name)
        _require_all_examples(updates, params, self.axis_name)
        words, key = next_words(self.key, state.rng_key)
        bound = as_scalar(self.l2_norm_clip)
        factors = example_factors(type(self).__name__, updates, bound, self.axis_name)
        one_example = jax.tree.map(of_one_example, updates)
        if params is not None:
            _check_shapes(one_example, params)
        noise = draws_like(key, one_example, normal, self.axis_name)
        updates = map_leaves(
            _mean_of_shortened,
            updates,
            factors=jax.tree.map(lambda g: factors, updates),
            noise=noise,
            numbers=(bound * as_scalar(self.noise_multiplier),),
            same_shape=False,
        )
        updates = jax.tree.map(lambda g, one: g if is_inexact(g) else one, updates, noise)
        return updates, DifferentiallyPrivateAggregateState(words)


def _require_all_examples(updates: Any, params: Any, axis_name: AxisName) -> None:
    """Refuses updates of which an axis of the mesh splits the examples, and not the leaves."""
    if not any(split_over(g, axis_name) for g in jax.tree.leaves(updates)):
        return
    if params is None:
        raise ValueError(
            "differentially_private_aggregate: with axis_name it needs 'params', to tell leaves that are "
            "split from examples that are: call update(updates, state, params)."
        )
    leaves, (beside,), _ = match(updates, same_shape=False, params=params)
    for g, p in zip(leaves, beside, strict=True):
        if is_inexact(g) and (axes := varying(g) - varying(p)):
            raise ValueError(
                f"differentially_private_aggregate: the mesh axes {sorted(axes)} split the gradients and not "
                "the parameters, hence the examples. Update outside of jax.shard_map, under jax.jit."
            )


def _check_shapes(one_example: Any, params: Any) -> None:
    try:
        match(one_example, params=params)
    except TreeMismatchError as error:
        raise TreeMismatchError(
            "differentially_private_aggregate takes the gradients of single examples, made under jax.vmap. "
            f"Without their first axis, that of the examples: {error}"
        ) from None


def _mean_of_shortened(g: Array, factors: Array, noise: Array, deviation: Array) -> Array:
    # Privacy concerns the real numbers in a gradient: both parts of a complex one need noise of this size.
    parts = 2 if jnp.iscomplexobj(g) else 1
    return (sum_of_shortened(g, factors) + parts**0.5 * deviation * noise) / g.shape[0]

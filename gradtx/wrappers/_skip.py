"""Functions that tell `accumulate` which micro-batches to skip: not finite ones, or too large ones."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName, abs_squared, sum_over_shards
from gradtx.core import Params, Updates, require_axes
from gradtx.tree import is_inexact, widened


def skip_not_finite(
    updates: Updates, gradient_step: Array, params: Params, axis_name: AxisName = None
) -> tuple[Array, dict[str, Array]]:
    """For `accumulate`: skips micro-batches with a gradient that is not finite, and counts such elements.

    Args:
      updates: the gradients of a micro-batch.
      gradient_step: the number of updates made; it is ignored.
      params: the parameters; they are ignored.
      axis_name: inside `jax.shard_map`, the mesh axes over which the gradients are split, set with
        `functools.partial(skip_not_finite, axis_name=...)`: a fault in one shard is one in all. Call `init`
        inside of `jax.shard_map` too.

    Returns:
      Whether to skip, and a report with `should_skip` and `num_not_finite`.

    >>> import jax.numpy as jnp
    >>> skips, found = skip_not_finite({"w": jnp.array([1.0, jnp.nan])}, 0, None)
    >>> print(skips, found["num_not_finite"])
    True 1
    """
    found = _total("skip_not_finite", _not_finite, jnp.int32, updates, axis_name)
    skips = found > 0
    return skips, {"should_skip": skips, "num_not_finite": found}


def _not_finite(leaf: Array) -> Array:
    return ~jnp.isfinite(leaf)


def skip_large_updates(
    updates: Updates,
    gradient_step: Array,
    params: Params,
    max_squared_norm: float,
    axis_name: AxisName = None,
) -> tuple[Array, dict[str, Array]]:
    """For `accumulate`: skips micro-batches whose squared norm reaches a bound, or is not finite.

    Args:
      updates: the gradients of a micro-batch.
      gradient_step: the number of updates made; it is ignored.
      params: the parameters; they are ignored.
      max_squared_norm: the bound, set with `functools.partial(skip_large_updates, max_squared_norm=...)`.
      axis_name: inside `jax.shard_map`, the mesh axes over which the gradients are split, set in the same
        way: the norm is that over all shards.

    Returns:
      Whether to skip, and a report with `should_skip` and `norm_squared`.

    >>> import jax.numpy as jnp
    >>> skip_large_updates({"w": jnp.array([3.0, 4.0])}, 0, None, max_squared_norm=24.0)[0]
    Array(True, dtype=bool)
    """
    size = _total("skip_large_updates", _square, float, updates, axis_name)
    skips = ~(size < max_squared_norm)
    return skips, {"should_skip": skips, "norm_squared": size}


def _square(leaf: Array) -> Array:
    return abs_squared(leaf.astype(widened(leaf.dtype)))


def _total(
    who: str, of_leaf: Callable[[Array], Array], dtype: Any, updates: Updates, axis_name: AxisName
) -> Array:
    """The sum of a function of all elements, in one dtype for gradients of every dtype, as it is stored."""

    def summed(leaves: list[Array]) -> Array:
        return sum((jnp.sum(of_leaf(leaf)).astype(dtype) for leaf in leaves), jnp.zeros((), dtype))

    require_axes(who, axis_name, updates=updates)
    return sum_over_shards(summed, filter(is_inexact, jax.tree.leaves(updates)), axis_name)

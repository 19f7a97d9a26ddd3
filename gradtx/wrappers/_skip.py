"""Functions that tell `accumulate` which micro-batches to skip: not finite ones, or too large ones."""

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName
from gradtx.core import Params, Updates
from gradtx.tree import is_inexact, squared_norm


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
    counts = [jnp.sum(~jnp.isfinite(leaf)) for leaf in jax.tree.leaves(updates) if is_inexact(leaf)]
    found = sum((count.astype(jnp.int32) for count in counts), jnp.zeros((), jnp.int32))
    found = found if axis_name is None else jax.lax.psum(found, axis_name)
    skips = found > 0
    return skips, {"should_skip": skips, "num_not_finite": found}


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
    # In one dtype for gradients of every dtype, as the state of `accumulate` stores it.
    size = squared_norm(updates, axis_name).astype(float)
    skips = ~(size < max_squared_norm)
    return skips, {"should_skip": skips, "norm_squared": size}

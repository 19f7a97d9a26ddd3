"""A batch axis as two axes: the micro-batches, and the examples in each."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


def reshape_batch_axis(tree: Any, microbatch_size: int, axis: int = 0) -> Any:
    """Arrays with their batch axis as two axes: the micro-batches, and the examples in each.

    The examples interleave: of `n` micro-batches the first has the examples 0, n, 2n and so on. A batch that
    is split over devices then stays where it is, and each device has its share of every micro-batch.

    Args:
      tree: a tree of arrays.
      microbatch_size: the number of examples in a micro-batch.
      axis: the batch axis of every array.

    Returns:
      The arrays, with the lengths `(n, microbatch_size)` in the place of that of `axis`.

    Raises:
      ValueError: for a batch that is no whole number of micro-batches.

    >>> print(reshape_batch_axis(jnp.arange(6), 3))
    [[0 2 4]
     [1 3 5]]
    """

    def reshaped(x: Array) -> Array:
        place, batch = axis % x.ndim, x.shape[axis]
        if microbatch_size < 1 or batch % microbatch_size:
            raise ValueError(
                f"A batch of {batch} examples is no whole number of micro-batches of {microbatch_size}. "
                "Choose a size that divides it."
            )
        lengths = (microbatch_size, batch // microbatch_size)
        return jnp.swapaxes(x.reshape(*x.shape[:place], *lengths, *x.shape[place + 1 :]), place, place + 1)

    return jax.tree.map(lambda x: reshaped(jnp.asarray(x)), tree)


def joined_batch_axis(x: Array) -> Array:
    """The inverse of `reshape_batch_axis` along the first axis; one number a micro-batch stays as it is."""
    return x if x.ndim < 2 else jnp.swapaxes(x, 0, 1).reshape(-1, *x.shape[2:])

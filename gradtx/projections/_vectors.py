"""A tree as one vector."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.tree import widened


def as_one_vector(tree: Any) -> tuple[Array, Callable[[Array], Any]]:
    """All elements as one vector in float32 or wider, and the function from such a vector to a tree.

    Raises:
      TypeError: for a leaf that is not a real floating-point array.
    """
    leaves, treedef = jax.tree.flatten(tree)
    arrays = list(map(jnp.asarray, leaves))
    for array in arrays:
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"A projection takes real floating-point arrays, got {array.dtype}.")
    dtype = max(
        (widened(array.dtype) for array in arrays),
        key=lambda each: each.itemsize,
        default=jnp.result_type(float),
    )
    parts = [array.astype(dtype).reshape(-1) for array in arrays]
    vector = jnp.concatenate([jnp.zeros(0, dtype), *parts])

    def as_tree(vector: Array) -> Any:
        ends = [sum(part.size for part in parts[: place + 1]) for place in range(len(parts))]
        pieces = [vector[end - part.size : end] for end, part in zip(ends, parts, strict=True)]
        return treedef.unflatten(
            [
                piece.reshape(array.shape).astype(array.dtype)
                for piece, array in zip(pieces, arrays, strict=True)
            ]
        )

    return vector, as_tree

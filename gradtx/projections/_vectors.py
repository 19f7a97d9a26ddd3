"""A tree as one vector."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from gradtx.tree import arithmetic_dtype, cast, cast_like


def as_one_vector(tree: Any) -> tuple[Array, Callable[[Array], Any]]:
    """All elements as one vector in float32 or wider, and the function from such a vector to a tree.

    Raises:
      TypeError: for a leaf that is not a real floating-point array.
    """
    dtypes = [jnp.result_type(leaf) for leaf in jax.tree.leaves(tree)]
    for dtype in dtypes:
        if not jnp.issubdtype(dtype, jnp.floating):
            raise TypeError(f"A projection takes real floating-point arrays, got {dtype}.")
    vector, as_tree = ravel_pytree(cast(tree, arithmetic_dtype(*dtypes)))
    return vector, lambda vector: cast_like(as_tree(vector), tree)

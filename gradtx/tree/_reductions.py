"""Sums over one array and over all leaves, accumulated in float32 or wider."""

from collections import defaultdict
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName, abs_squared, root
from gradtx.tree._chunks import chunked
from gradtx.tree._leaves import is_inexact, widened

_CHUNK = 8
"""About the number of leaves of one shape in one call: a sum of thousands takes seconds to compile."""


def squared_norm(tree: Any, axis_name: AxisName = None) -> Array:
    """The sum of |x|² over all elements of all real and complex floating-point leaves.

    Args:
      tree: a tree of arrays, of which other leaves are ignored; the sum of an empty tree is 0.
      axis_name: inside `jax.shard_map`, the mesh axes over which all leaves are split: the sum is then over
        the whole arrays. A leaf that is not split would be counted once for each shard.
    """
    alike: dict[Any, list[Any]] = defaultdict(list)
    for leaf in filter(is_inexact, jax.tree.leaves(tree)):
        alike[jnp.shape(leaf), jnp.result_type(leaf)].append(leaf)
    chunks = [chunk for leaves in alike.values() for chunk in chunked(leaves, _CHUNK)]
    total = _total([_squared_norm(list(chunk)) for chunk in chunks])
    return total if axis_name is None else jax.lax.psum(total, axis_name)


def norm(tree: Any, axis_name: AxisName = None) -> Array:
    r"""The Euclidean norm of a tree, $\sqrt{\sum |x|^2}$, as if it were one vector.

    >>> import jax.numpy as jnp
    >>> float(norm({"a": jnp.array([3.0]), "b": jnp.array(4.0)}))
    5.0
    """
    return root(squared_norm(tree, axis_name))


@jax.jit
def _total(numbers: list[Array]) -> Array:
    precision = jnp.result_type(float, *(number.dtype for number in numbers))
    return sum((number.astype(precision) for number in numbers), jnp.zeros((), precision))


@jax.jit
def _squared_norm(leaves: list[Any]) -> Array:
    return _total([_squares(leaf) for leaf in leaves])


def _squares(x: Any) -> Array:
    x = jnp.asarray(x)
    if x.dtype.itemsize < 4:
        # Without the barrier XLA on CPU stores one upcast copy of `x` for this sum and other readers of `x`.
        x = jax.lax.optimization_barrier(x)
    return jnp.sum(abs_squared(x.astype(widened(x.dtype))))

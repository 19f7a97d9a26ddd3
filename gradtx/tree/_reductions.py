"""The norm of a tree."""

from collections import defaultdict
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName, norm as norm_of_array, norm_over_shards, split_over
from gradtx.tree._chunks import chunked
from gradtx.tree._leaves import is_inexact, widened

_CHUNK = 8
"""About the number of leaves of one shape in one call: a program of thousands takes seconds to compile."""


def norm(tree: Any, axis_name: AxisName = None) -> Array:
    r"""The Euclidean norm of a tree, $\sqrt{\sum |x|^2}$, as if it were one vector.

    It is right to rounding wherever it is a finite number, and has the derivative 0 at 0. It is computed in
    float32 or wider.

    Args:
      tree: a tree of arrays, of which leaves that are not floating-point are ignored; the norm of an empty
        tree is 0.
      axis_name: inside `jax.shard_map`, the mesh axes over which leaves are split: the norm is then that of
        the whole arrays. A leaf that is whole by its type counts once. All leaves count as split where types
        are hidden, as under `check_vma=False`.

    >>> import jax.numpy as jnp
    >>> float(norm({"a": jnp.array([3.0]), "b": jnp.array(4.0)}))
    5.0
    """
    split: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for leaf in filter(is_inexact, jax.tree.leaves(tree)):
        split[split_over(leaf, axis_name)].append(leaf)
    parts = [(axes, _norm_of_chunks(leaves)) for axes, leaves in split.items()]
    return _norm_of_norms([norm_over_shards(part, axes) if axes else part for axes, part in parts])


def _norm_of_chunks(leaves: list[Any]) -> Array:
    alike: dict[Any, list[Any]] = defaultdict(list)
    for leaf in leaves:
        alike[jnp.shape(leaf), jnp.result_type(leaf)].append(leaf)
    chunks = [chunk for leaves in alike.values() for chunk in chunked(leaves, _CHUNK)]
    return _norm_of_norms([_norm_of_leaves(list(chunk)) for chunk in chunks])


@jax.jit
def _norm_of_norms(norms: list[Array]) -> Array:
    if len(norms) == 1 and norms[0].dtype == jnp.result_type(float):
        return norms[0]
    precision = jnp.result_type(float, *(number.dtype for number in norms))
    parts = [number.astype(precision) for number in norms]
    return norm_of_array(jnp.stack([*parts, jnp.zeros((), precision)]))


@jax.jit
def _norm_of_leaves(leaves: list[Any]) -> Array:
    return norm_of_array(jnp.stack([norm_of_array(_wide(leaf)) for leaf in leaves]))


def _wide(x: Any) -> Array:
    x = jnp.asarray(x)
    if x.dtype.itemsize < 4:
        # Without the barrier XLA on CPU stores one upcast copy of `x` for this norm and other readers of `x`.
        x = jax.lax.optimization_barrier(x)
    return x.astype(widened(x.dtype))

"""Numbers of a whole tree: norms, sums, extremes, inner products."""

import builtins
import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName, norm as norm_of_array, norm_over_shards, split_over, sum_over_shards
from gradtx.tree._chunks import chunked
from gradtx.tree._leaves import is_inexact, widened
from gradtx.tree._matching import match

_CHUNK = 8
"""About the number of leaves of one shape in one call: a program of thousands takes seconds to compile."""


def norm(
    tree: Any, ord: float | str | None = None, squared: bool = False, *, axis_name: AxisName = None
) -> Array:
    r"""The norm of a tree as if it were one vector, $\sqrt{\sum |x|^2}$.

    It is right to rounding wherever it is a finite number, and has the derivative 0 at 0. It is computed in
    float32 or wider.

    Args:
      tree: a tree of arrays, of which leaves that are not floating-point are ignored; the norm of an empty
        tree is 0.
      ord: 2 or `None` for the Euclidean norm, 1 for the sum of magnitudes, `jnp.inf` or `"inf"` for the
        largest magnitude.
      squared: whether the result is the square of the norm.
      axis_name: inside `jax.shard_map`, the mesh axes over which leaves are split: the norm is then that of
        the whole arrays. A leaf that is whole by its type counts once. All leaves count as split where types
        are hidden, as under `check_vma=False`.

    Raises:
      ValueError: for another order, or for `axis_name` with an order that is not 2.

    >>> import jax.numpy as jnp
    >>> float(norm({"a": jnp.array([3.0]), "b": jnp.array(4.0)}))
    5.0
    """
    if ord in (None, 2):
        result = _euclidean(tree, axis_name)
    elif axis_name is not None:
        raise ValueError(f"norm: axis_name is for the Euclidean norm alone, got ord={ord!r}.")
    elif ord in (1, jnp.inf, "inf", "infinity"):
        sizes = [jnp.abs(_wide(leaf)) for leaf in jax.tree.leaves(tree) if is_inexact(leaf)]
        result = _total([jnp.sum(x) for x in sizes]) if ord == 1 else _extreme(jnp.max, sizes, 0.0)
    else:
        raise ValueError(f"norm: ord must be None, 1, 2 or jnp.inf, got {ord!r}.")
    return result * result if squared else result


def sum(tree: Any, associative_reduction: bool = False) -> Array:
    r"""The sum of all elements, added in float32 or wider.

    Args:
      tree: a tree of arrays; the sum of an empty one is 0.
      associative_reduction: has no effect: the sums of leaves are always added in one reduction.

    >>> sum({"a": jnp.ones(300, jnp.bfloat16), "b": jnp.array(0.5)})
    Array(300.5, dtype=float32)
    """
    del associative_reduction
    return _total([jnp.sum(_wide(leaf)) for leaf in jax.tree.leaves(tree)])


def max(tree: Any) -> Array:
    r"""The largest element.

    Args:
      tree: a tree of real arrays; that of an empty one is $-\infty$.

    >>> max({"a": jnp.array([1.0, 3.0]), "b": jnp.array(2.0)})
    Array(3., dtype=float32)
    """
    return _extreme(jnp.max, tree, -jnp.inf)


def min(tree: Any) -> Array:
    r"""The smallest element.

    Args:
      tree: a tree of real arrays; that of an empty one is $\infty$.

    >>> min({"a": jnp.array([1.0, 3.0]), "b": jnp.array(2.0)})
    Array(1., dtype=float32)
    """
    return _extreme(jnp.min, tree, jnp.inf)


def size(tree: Any) -> int:
    """The number of elements.

    Args:
      tree: a tree of arrays or numbers.

    >>> size({"a": jnp.ones((2, 3)), "b": 1.0})
    7
    """
    return builtins.sum(math.prod(jnp.shape(leaf)) for leaf in jax.tree.leaves(tree))


def vdot(tree_x: Any, tree_y: Any) -> Array:
    r"""The inner product of two trees, $\sum \bar x y$, added in float32 or wider.

    Args:
      tree_x: a tree of arrays, whose complex conjugates enter.
      tree_y: a tree of the same structure and shapes.

    Raises:
      TreeMismatchError: for trees that differ, with the first place.

    >>> vdot({"a": jnp.array([1.0, 2.0])}, {"a": jnp.array([3.0, 4.0])})
    Array(11., dtype=float32)
    """
    matched = match(tree_x, tree_y=tree_y)
    pairs = zip(matched.leaves, *matched.columns, strict=True)
    with jax.numpy_dtype_promotion("standard"):
        return _total([jnp.sum(jnp.conj(_wide(x)) * _wide(y)) for x, y in pairs if x is not None])


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """Whether two trees are equal to a tolerance, in every element.

    Args:
      a: a tree of arrays.
      b: a tree of the same structure.
      rtol: the tolerance relative to `b`.
      atol: the tolerance that is added to it.
      equal_nan: whether NaN is equal to NaN.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> print(allclose({"a": jnp.array(1.0)}, {"a": jnp.array(1.0 + 1e-7)}))
    True
    """
    match(a, same_shape=False, optional=("b",), b=b)
    with jax.numpy_dtype_promotion("standard"):
        close = jax.tree.map(lambda x, y: jnp.allclose(x, y, rtol, atol, equal_nan), a, b)
    return jnp.all(jnp.stack([jnp.ones((), bool), *jax.tree.leaves(close)]))


def totals(sums: Any, terms: int, *, axis_name: AxisName = None) -> Array:
    """The sums over all leaves of several numbers, in the default float dtype, that of numbers in a state.

    Args:
      sums: a tree with an array of numbers for each leaf, which a leaf function computes in one pass. Leaves
        that are not floating-point have passed through it, and are ignored.
      terms: the number of numbers.
      axis_name: inside `jax.shard_map`, the mesh axes over which leaves are split, as in `norm`.
    """

    def total(arrays: list[Array]) -> Array:
        wide = [array.astype(float) for array in arrays]
        return jnp.sum(jnp.stack([jnp.zeros(terms, float), *wide]), axis=0)

    return sum_over_shards(total, filter(is_inexact, jax.tree.leaves(sums)), axis_name)


def _total(sums: list[Array]) -> Array:
    """The sum of numbers of several dtypes."""
    if not sums:
        return jnp.zeros(())
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.result_type(*sums)
    return jnp.sum(jnp.stack([number.astype(dtype) for number in sums]))


def _extreme(reduction: Callable[..., Array], tree: Any, of_nothing: float) -> Array:
    found = [reduction(jnp.asarray(leaf)) for leaf in jax.tree.leaves(tree) if math.prod(jnp.shape(leaf))]
    if not found:
        return jnp.asarray(of_nothing)
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.result_type(*found)
    return reduction(jnp.stack([number.astype(dtype) for number in found]))


def _euclidean(tree: Any, axis_name: AxisName) -> Array:
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
    return norm_of_array(jnp.stack(list(map(_norm_of_leaf, leaves))))


@jax.jit  # leaves of one shape are traced and lowered once
def _norm_of_leaf(leaf: Any) -> Array:
    return norm_of_array(_wide(leaf))


def _wide(x: Any) -> Array:
    x = jnp.asarray(x)
    if not is_inexact(x):
        return x
    if x.dtype.itemsize < 4:
        # Without the barrier XLA on CPU stores one upcast copy of `x` for this norm and other readers of `x`.
        x = jax.lax.optimization_barrier(x)
    return x.astype(widened(x.dtype))

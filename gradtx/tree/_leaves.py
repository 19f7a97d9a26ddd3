"""The kinds of leaves, and the dtype in which the arithmetic of a leaf runs."""

from functools import cache, lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from gradtx.tree._nearest import did_you_mean

# In Python 3.11 a tracer is an instance of `jax.Array`, but not of the union `jax.typing.ArrayLike`.
ARRAYS_AND_NUMBERS = (jax.Array, np.ndarray, np.generic, int, float, complex)


class MaskedNode(NamedTuple):
    """The placeholder of a leaf that takes no part; it is empty and costs no memory."""


def is_placeholder(leaf: Any) -> bool:
    """Whether `leaf` is `None` or a `MaskedNode`: a place without anything to compute."""
    return leaf is None or isinstance(leaf, MaskedNode)


def is_inexact(leaf: Any) -> bool:
    """Whether `leaf` is a real or complex floating-point array or number.

    Integers, booleans, random keys and `float0` are not: they are non-differentiable.
    """
    if leaf is None or isinstance(leaf, MaskedNode):
        return False
    dtype = getattr(leaf, "dtype", None)
    return isinstance(leaf, float | complex) if dtype is None else _is_kind(dtype, jnp.inexact)


def is_integer(leaf: Any) -> bool:
    """Whether `leaf` is an integer or boolean array or number; `float0` and random keys are not."""
    if leaf is None or isinstance(leaf, MaskedNode):
        return False
    dtype = getattr(leaf, "dtype", None)
    if dtype is None:
        return isinstance(leaf, int)
    return _is_kind(dtype, jnp.integer) or _is_kind(dtype, jnp.bool_)


@cache
def _is_kind(dtype: Any, kind: Any) -> bool:
    return jnp.issubdtype(dtype, kind)


def is_function(value: Any) -> bool:
    """Whether `value` is a function and not a tree: a model that can be called is a tree."""
    return callable(value) and jax.tree_util.treedef_is_leaf(jax.tree.structure(value))


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """`jax.tree.flatten` with `None` and `MaskedNode` as leaves."""
    leaves, treedef = jax.tree.flatten(tree)
    return jax.tree.flatten(tree, is_leaf=is_placeholder) if _has_placeholders(treedef) else (leaves, treedef)


@lru_cache(maxsize=4096)
def _has_placeholders(treedef: Any) -> bool:
    """Whether a tree of this structure has placeholders; cached, since a test of every node is slow."""
    tree = treedef.unflatten(range(treedef.num_leaves))
    return len(jax.tree.leaves(tree, is_leaf=is_placeholder)) != treedef.num_leaves


def is_complex(dtype: DTypeLike) -> bool:
    """Whether `dtype` is complex."""
    return jnp.issubdtype(dtype, jnp.complexfloating)


def arithmetic_dtype(*dtypes: DTypeLike) -> np.dtype:
    """The real dtype in which to compute with arrays of `dtypes`: the widest, at least float32."""
    precisions = [np.dtype(np.float32), *(np.dtype(jnp.finfo(dtype).dtype) for dtype in dtypes)]
    return max(precisions, key=lambda precision: precision.itemsize)


def widened(dtype: DTypeLike, precision: DTypeLike = np.float32) -> np.dtype:
    """`dtype` in `precision` or in its own precision, whichever is wider; complex stays complex."""
    real = arithmetic_dtype(dtype, precision)
    return np.result_type(real, np.complex64) if is_complex(dtype) else real


def arrays_of(tree: Any) -> Any:
    """`tree` with `None` in the place of a leaf that is no array, such as a function in an Equinox model."""
    return jax.tree.map(lambda leaf: leaf if isinstance(leaf, ARRAYS_AND_NUMBERS) else None, tree)


def abstract(tree: Any) -> Any:
    """The shapes and dtypes of the arrays and numbers in `tree`, without their values.

    Any other leaf, such as a function in an Equinox model, becomes `None`.
    """
    kinds = (*ARRAYS_AND_NUMBERS, jax.ShapeDtypeStruct)
    arrays = jax.tree.map(lambda leaf: leaf if isinstance(leaf, kinds) else None, tree)
    return jax.eval_shape(lambda tree: tree, arrays)


def as_storage_dtype(dtype: DTypeLike | None) -> np.dtype | None:
    """The dtype in which to store a state array; `None` for the dtype of the parameter.

    Raises:
      TypeError: for a dtype that is not a floating-point one. A complex dtype stands for that of its real
        part, since a complex parameter has a complex state in any case.
    """
    if dtype is None:
        return None
    try:
        storage = jnp.dtype(dtype)
    except TypeError:
        question = did_you_mean(str(dtype), ("bfloat16", "float16", "float32", "float64"))
        raise TypeError(f"{dtype!r} is no dtype.{question}") from None
    if jnp.issubdtype(storage, jnp.complexfloating):
        return jnp.finfo(storage).dtype
    if not jnp.issubdtype(storage, jnp.floating):
        raise TypeError(f"A state array must have a floating-point dtype, got {storage.name}.")
    return storage

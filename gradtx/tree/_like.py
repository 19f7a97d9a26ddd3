"""Trees of arrays in the shapes of others, and in other dtypes."""

from collections.abc import Callable
from functools import reduce
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.tree_util import keystr, tree_leaves_with_path
from jax.typing import ArrayLike, DTypeLike

from gradtx.tree._matching import match

Handler = Literal["promote", "highest", "lowest"]


def zeros_like(tree: Any, dtype: DTypeLike | None = None) -> Any:
    """Zeros in the shape and dtype of each leaf.

    `state_like` makes the state of an optimizer: at least float32, and nothing for integers.

    Args:
      tree: a tree of arrays.
      dtype: another dtype for all; `None`: that of each leaf.

    >>> zeros_like({"a": jnp.ones(2, jnp.int32)})
    {'a': Array([0, 0], dtype=int32)}
    """
    return jax.tree.map(lambda x: jnp.zeros_like(x, dtype), tree)


def ones_like(tree: Any, dtype: DTypeLike | None = None) -> Any:
    """Ones in the shape and dtype of each leaf.

    Args:
      tree: a tree of arrays.
      dtype: another dtype for all; `None`: that of each leaf.

    >>> ones_like({"a": jnp.zeros(2)})
    {'a': Array([1., 1.], dtype=float32)}
    """
    return jax.tree.map(lambda x: jnp.ones_like(x, dtype), tree)


def full_like(tree: Any, fill_value: ArrayLike, dtype: DTypeLike | None = None) -> Any:
    """One number in the shape and dtype of each leaf.

    Args:
      tree: a tree of arrays.
      fill_value: the number.
      dtype: another dtype for all; `None`: that of each leaf.

    >>> full_like({"a": jnp.zeros(2)}, 3.0)
    {'a': Array([3., 3.], dtype=float32)}
    """
    return jax.tree.map(lambda x: jnp.full_like(x, fill_value, dtype), tree)


def batch_shape(tree: Any, shape: tuple[int, ...] = ()) -> Any:
    """Each leaf, repeated along new leading axes.

    Args:
      tree: a tree of arrays.
      shape: the lengths of the new axes.

    >>> batch_shape({"a": jnp.ones(3)}, (2,))["a"].shape
    (2, 3)
    """
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (*shape, *jnp.shape(x))), tree)


def cast(tree: Any, dtype: DTypeLike | None) -> Any:
    """Each leaf in one dtype.

    Args:
      tree: a tree of arrays.
      dtype: the dtype; `None` leaves the tree as it is.

    >>> cast({"a": jnp.ones(2)}, jnp.bfloat16)
    {'a': Array([1, 1], dtype=bfloat16)}
    """
    return tree if dtype is None else jax.tree.map(lambda x: jnp.asarray(x).astype(dtype), tree)


def cast_like(tree: Any, other_tree: Any) -> Any:
    """Each leaf in the dtype of the leaf of another tree at the same place.

    Args:
      tree: a tree of arrays.
      other_tree: a tree of the same structure; a leaf without a dtype leaves the other one as it is.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> cast_like({"a": jnp.ones(2)}, {"a": jnp.ones(3, jnp.bfloat16)})
    {'a': Array([1, 1], dtype=bfloat16)}
    """
    match(
        jax.tree.map(lambda leaf: 0, tree),
        same_shape=False,
        other_tree=jax.tree.map(lambda leaf: 0, other_tree),
    )
    return jax.tree.map(
        lambda x, like: jnp.asarray(x).astype(like.dtype) if hasattr(like, "dtype") else x, tree, other_tree
    )


def dtype(tree: Any, mixed_dtype_handler: Handler | None = None) -> np.dtype:
    """The dtype of the leaves.

    Args:
      tree: a tree of arrays; that of an empty one is the default float dtype.
      mixed_dtype_handler: the answer for several dtypes: `"promote"`, the dtype to which all promote;
        `"highest"` or `"lowest"`, the one among them to which all promote, or which promotes to all; `None`:
        an error.

    Raises:
      ValueError: for several dtypes without a handler, with the places of two; for an unknown handler; for
        dtypes of which neither promotes to the other, such as float16 and bfloat16.

    >>> dtype({"a": jnp.ones(2), "b": jnp.ones(2, jnp.bfloat16)}, "lowest")
    dtype(bfloat16)
    """
    leaves = tree_leaves_with_path(tree)
    dtypes = [jnp.asarray(leaf).dtype for _, leaf in leaves] or [jnp.asarray(0.0).dtype]
    with jax.numpy_dtype_promotion("standard"):
        if mixed_dtype_handler == "promote":
            return jnp.dtype(reduce(jnp.promote_types, dtypes))
        if mixed_dtype_handler in ("highest", "lowest"):
            return reduce(lambda one, other: _extreme(one, other, mixed_dtype_handler), dtypes)
    if mixed_dtype_handler is not None:
        raise ValueError(
            "mixed_dtype_handler must be None, 'promote', 'highest' or 'lowest', got "
            f"{mixed_dtype_handler!r}."
        )
    for (path, _), other in zip(leaves, dtypes, strict=False):
        if other != dtypes[0]:
            raise ValueError(
                f"The leaves have several dtypes: {dtypes[0]} at {keystr(leaves[0][0])}, {other} at "
                f"{keystr(path)}. Choose a mixed_dtype_handler, or cast the tree."
            )
    return dtypes[0]


def _extreme(one: np.dtype, other: np.dtype, which: str) -> np.dtype:
    highest = jnp.promote_types(one, other)
    if highest not in (one, other):
        raise ValueError(
            f"Neither of the dtypes {one} and {other} is the {which}: both promote to {highest}."
        )
    return highest if which == "highest" else one if highest == other else other


def split_key_like(rng_key: Array, target_tree: Any) -> Any:
    """A random key for each leaf.

    Args:
      rng_key: the key to split.
      target_tree: a tree.

    >>> sorted(split_key_like(jax.random.key(0), {"a": 1, "b": 2}))
    ['a', 'b']
    """
    leaves, treedef = jax.tree.flatten(target_tree)
    return treedef.unflatten(list(jax.random.split(rng_key, len(leaves))))


def random_like(
    rng_key: Array,
    target_tree: Any,
    sampler: Callable[..., Array] = jax.random.normal,
    dtype: DTypeLike | None = None,
) -> Any:
    """Random arrays in the shape and dtype of each leaf, each from a key of its own.

    Args:
      rng_key: the key.
      target_tree: a tree of arrays.
      sampler: a function of a key, a shape and a dtype, as those of `jax.random`.
      dtype: another dtype for all; `None`: that of each leaf.

    >>> random_like(jax.random.key(0), {"a": jnp.ones((2, 3))})["a"].shape
    (2, 3)
    """

    def draw(key: Array, leaf: Any) -> Array:
        drawn = sampler(key, jnp.shape(leaf), jnp.result_type(leaf) if dtype is None else dtype)
        # On an explicit mesh a draw is whole. The sum with zeros that are split as the leaf is split too.
        return drawn + jnp.zeros_like(leaf, drawn.dtype)

    return jax.tree.map(draw, split_key_like(rng_key, target_tree), target_tree)


def unwrap_random_key_data(input_tree: Any) -> Any:
    """The tree with the words of each typed random key in its place, as NumPy and checkpoints store them.

    Args:
      input_tree: a tree, some leaves of which may be keys.

    >>> unwrap_random_key_data({"key": jax.random.key(7), "w": 1.0})
    {'key': Array([0, 7], dtype=uint32), 'w': 1.0}
    """

    def words(leaf: Any) -> Any:
        typed = isinstance(leaf, Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return jax.random.key_data(leaf) if typed else leaf

    return jax.tree.map(words, input_tree)

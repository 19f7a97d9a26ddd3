"""Random keys as fields of a transformation, and random trees drawn from one key."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import DTypeLike

from gradtx.arithmetic import AxisName, split_over
from gradtx.tree._chunks import chunked
from gradtx.tree._leaves import is_inexact
from gradtx.tree._outline import outline

Key = int | tuple[str, tuple[int, ...]]
"""A seed, or the name of a generator with the words of a key."""

Draw = Callable[[Array, tuple[int, ...], Any], Array]
"""A function from a key, a shape and a dtype to an array of independent random numbers."""


def as_key(key: Any) -> Key:
    """A random key in a form that can be hashed and printed.

    Raises:
      TypeError: for anything else than an integer or one concrete key.
    """
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return int(key)
    if isinstance(key, tuple):
        return key
    if isinstance(key, Array) and not isinstance(key, Tracer) and key.ndim == _axes(key.dtype):
        return str(jax.random.key_impl(key)), tuple(np.asarray(jax.random.key_data(key)).tolist())
    raise TypeError(
        f"Expected a seed or one random key, got {outline(key)}. To draw differently in each of several "
        "mapped runs, put keys into their states with tree.set."
    )


def _axes(dtype: DTypeLike) -> int:
    """The axes of one key: one of the new style has a dtype of its own, one of the old is a row of words."""
    return 0 if jnp.issubdtype(dtype, jax.dtypes.prng_key) else 1


def first_words(key: Key) -> Array:
    """The words of the key: unlike the key itself, an array that NumPy and every checkpoint can store."""
    words = jax.random.key_data(jax.random.key(key)) if isinstance(key, int) else np.array(key[1], np.uint32)
    # Under `jit` with an explicit mesh a constant does not lie on the mesh, as the words of later steps do.
    # The sum does, so that the second step is not traced again.
    return jnp.zeros(words.shape, jnp.uint32) + words


def next_words(key: Key, words: Array) -> tuple[Array, Array]:
    """The words to keep for the next draw, and a key for this one, of the generator that `key` names."""
    generator = None if isinstance(key, int) else key[0]
    kept, used = jax.random.split(jax.random.wrap_key_data(words, impl=generator))
    return jax.random.key_data(kept), used


def draws_like(key: Array, tree: Any, draw: Draw, axis_name: AxisName = None) -> Any:
    """A tree of independent draws, each in the shape, the dtype and the sharding of its leaf.

    Non-differentiable leaves stay as they are.

    Args:
      key: the key, the same on all devices.
      tree: the tree of arrays.
      draw: the function that draws.
      axis_name: inside `jax.shard_map`, the mesh axes over which leaves are split: each shard of a leaf has
        a draw of its own, and a leaf that is whole has the same one on all devices.
    """
    leaves, treedef = jax.tree.flatten(tree)
    places = [place for place, leaf in enumerate(leaves) if is_inexact(leaf)]
    keys = jax.random.split(key, len(places))
    for chunk in _alike([leaves[place] for place in places], axis_name):
        first = leaves[places[chunk[0]]]
        own = _of_shard(keys[np.array(chunk)], split_over(first, axis_name))
        draws = _draws(own, draw, jnp.shape(first), jnp.result_type(first))
        for index, drawn in zip(chunk, draws, strict=True):
            # On an explicit mesh a draw is whole. The sum with zeros that are split as the leaf is split too.
            leaves[places[index]] = jnp.zeros_like(leaves[places[index]]) + drawn
    return treedef.unflatten(leaves)


_CHUNK = 8
"""About how many leaves of one shape one loop draws. A generator for each leaf compiles 7 times as long."""


def _alike(leaves: list[Any], axis_name: AxisName) -> list[Sequence[int]]:
    """The positions of the leaves in chunks of one shape and dtype, split over the same axes."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for index, leaf in enumerate(leaves):
        groups[jnp.shape(leaf), jnp.result_type(leaf), split_over(leaf, axis_name)].append(index)
    return [chunk for group in groups.values() for chunk in chunked(group, _CHUNK)]


def _of_shard(keys: Array, axes: tuple[str, ...]) -> Array:
    """Keys of their own for each shard along these axes."""
    return jax.vmap(jax.random.fold_in, (0, None))(keys, jax.lax.axis_index(axes)) if axes else keys


@partial(jax.jit, static_argnames=("draw", "shape", "dtype"))
def _draws(keys: Array, draw: Draw, shape: tuple[int, ...], dtype: DTypeLike) -> list[Array]:
    """One draw with each key."""
    return list(jax.lax.map(lambda key: draw(key, shape, dtype), keys))


def rademacher(key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Random signs; for a complex number in its real and its imaginary part, with a magnitude of 1."""
    if not jnp.issubdtype(dtype, jnp.complexfloating):
        return jax.random.rademacher(key, shape, dtype)
    real, imaginary = jax.random.rademacher(key, (2, *shape), jnp.finfo(dtype).dtype)
    return (0.5**0.5 * jax.lax.complex(real, imaginary)).astype(dtype)


def normal(key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Normal numbers of mean 0 and variance 1; each part of a complex number has half of the variance."""
    return jax.random.normal(key, shape, dtype)

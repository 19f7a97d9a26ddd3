"""The trees on which each mistake is made: a small dictionary, and a Flax NNX model of 60 leaves."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.tree_util import keystr, tree_leaves_with_path


class Block(nnx.Module):
    """Two layers."""

    def __init__(self, rngs: nnx.Rngs):
        self.up = nnx.Linear(3, 4, rngs=rngs)
        self.down = nnx.Linear(4, 3, rngs=rngs)


class Network(nnx.Module):
    """Fifteen blocks of two layers with a kernel and a bias each."""

    def __init__(self, rngs: nnx.Rngs):
        self.blocks = nnx.List(Block(rngs) for _ in range(15))


def network() -> Any:
    """The parameters of a model of 60 leaves."""
    return nnx.state(Network(nnx.Rngs(0)), nnx.Param)


def dictionary() -> Any:
    """The parameters of a model of two leaves."""
    return {"b": jnp.ones(3), "w": jnp.ones((3, 4))}


MODELS = {"a dictionary of 2 leaves": dictionary, "an NNX model of 60 leaves": network}


def loss(params: Any) -> jax.Array:
    """A function of all parameters."""
    return jax.tree.reduce(lambda total, p: total + jnp.sum(p**2), params, jnp.zeros(()))


def matrix(params: Any) -> tuple[str, Any]:
    """The path of the first matrix, and the matrix."""
    return next((keystr(path), leaf) for path, leaf in tree_leaves_with_path(params) if leaf.ndim == 2)


def first_leaf(params: Any) -> str:
    return keystr(tree_leaves_with_path(params)[0][0])


def without_first(tree: Any) -> Any:
    """`tree` without its first leaf."""
    flat = _flat(tree)
    del flat[min(flat)]
    return _unflat(tree, flat)


def renamed_first(tree: Any) -> Any:
    """`tree` with another name for its first leaf."""
    flat = _flat(tree)
    first = min(flat)
    flat[(*first[:-1], "renamed")] = flat.pop(first)
    return _unflat(tree, flat)


def _flat(tree: Any) -> dict[tuple[Any, ...], Any]:
    if isinstance(tree, nnx.State):
        return dict(nnx.to_flat_state(tree))
    return {(name,): leaf for name, leaf in tree.items()}


def _unflat(tree: Any, flat: dict[tuple[Any, ...], Any]) -> Any:
    if isinstance(tree, nnx.State):
        return nnx.from_flat_state(flat)
    return {name: leaf for (name,), leaf in flat.items()}

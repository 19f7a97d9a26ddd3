"""Conditional updates: a branch of the compiled program, so that a skipped update costs nothing."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import Tracer, eval_jaxpr
from jax.sharding import NamedSharding
from jax.tree_util import keystr, tree_leaves_with_path

from gradtx.arithmetic import as_shape
from gradtx.core import GradientTransformation, OptState, Params, Updates, safe_increment
from gradtx.tree import TreeMismatchError, is_inexact, is_placeholder


class _Unmoved(NamedTuple):
    """Stands in a branch for a non-differentiable leaf, since a branch cannot return `float0`."""


def run_if(condition: Any, run: Callable[[], Any], skip: Callable[[Any], Any]) -> Any:
    """`run()` where `condition` is true, and `skip(shapes)` where it is false.

    Args:
      condition: a boolean; outside of `jax.jit` no branch is compiled for it.
      run: makes a tree of arrays.
      skip: makes another such tree from the shapes, dtypes and shardings of the first.
    """
    if isinstance(condition, Tracer):
        # Traced once, for the branch and for the types that the other branch must have.
        program, shapes = jax.make_jaxpr(run, return_shape=True)()
        structure = jax.tree.structure(shapes)
        shapes = structure.unflatten(map(as_shape, program.out_avals))
        return jax.lax.cond(
            condition,
            lambda: structure.unflatten(eval_jaxpr(program.jaxpr, program.consts)),
            lambda: skip(shapes),
        )
    return run() if condition else skip(jax.eval_shape(run))


def update_if(
    condition: Any,
    tx: GradientTransformation,
    updates: Updates,
    state: OptState,
    params: Params,
    extra: dict[str, Any],
    instead: Updates = None,
) -> tuple[Updates, OptState]:
    """The update of `tx` and its next state, where `condition` is true.

    Else the state stays as it is, and the updates are `instead` (zeros by default), in the dtypes that `tx`
    returns.

    Args:
      condition: a boolean, as in `run_if`.
      tx: the transformation.
      updates: its incoming updates.
      state: its state.
      params: the parameters, or `None`.
      extra: the extra arguments.
      instead: a tree in the structure of `updates`.

    Raises:
      TreeMismatchError: where `tx` returns other shapes than those of `instead`, naming the leaf.
    """

    def run() -> tuple[Updates, OptState]:
        changed, new_state = tx._update(updates, state, params, **extra)
        if instead is not None:
            _require_same_shapes(tx, instead, changed)
        return jax.tree.map(lambda u: jnp.asarray(u) if is_inexact(u) else _Unmoved(), changed), new_state

    def skip(shapes: tuple[Updates, OptState]) -> tuple[Updates, OptState]:
        make, like = (_zeros, updates) if instead is None else (_cast, instead)
        return jax.tree.map(make, shapes[0], like, is_leaf=_is_nothing), state

    changed, state = run_if(condition, run, skip)
    return jax.tree.map(_moved, changed, updates, is_leaf=_is_nothing), state


def keep_if(condition: Any, new: Any, old: Any) -> Any:
    """`new` where `condition` is true, else `old`, a tree of the same structure, shapes and dtypes."""
    leaves, treedef = jax.tree.flatten(new)
    arrays = [index for index, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)]
    before = jax.tree.leaves(old)
    kept = run_if(
        condition, lambda: [leaves[i] for i in arrays], lambda _: [jnp.asarray(before[i]) for i in arrays]
    )
    for index, leaf in zip(arrays, kept, strict=True):
        leaves[index] = leaf
    return treedef.unflatten(leaves)


def zeros_of(updates: Updates) -> Updates:
    """Updates of zero; a non-differentiable leaf stays."""
    return jax.tree.map(lambda u: jnp.zeros_like(u) if is_inexact(u) else u, updates)


def increment_if(condition: Array, count: Array) -> Array:
    """`count`, and one more where `condition` is true."""
    return jnp.where(condition, safe_increment(count), count)


def _is_nothing(leaf: Any) -> bool:
    return is_placeholder(leaf) or isinstance(leaf, _Unmoved)


def _zeros(shape: Any, update: Any) -> Any:
    if _is_nothing(shape):
        return shape
    if isinstance(update, jax.Array) and not isinstance(update, Tracer):
        # Outside of `jit` a shape has at most the axes along which zeros are split, and not the devices.
        if update.shape == shape.shape:
            return jnp.zeros_like(update, shape.dtype)
        if isinstance(update.sharding, NamedSharding) and isinstance(shape.sharding, NamedSharding):
            split = NamedSharding(update.sharding.mesh, shape.sharding.spec)
            return jnp.zeros(shape.shape, shape.dtype, device=split)
    return jnp.zeros_like(shape)


def _cast(shape: Any, leaf: Any) -> Any:
    return shape if _is_nothing(shape) else jnp.asarray(leaf).astype(shape.dtype)


def _moved(changed: Any, update: Any) -> Any:
    return update if isinstance(changed, _Unmoved) else changed


def _require_same_shapes(tx: GradientTransformation, instead: Updates, changed: Updates) -> None:
    expected, got = _shapes(instead), _shapes(changed)
    for path in expected | got:
        if got.get(path) != expected.get(path):
            raise TreeMismatchError(
                f"{type(tx).__name__} returns {got.get(path, 'nothing')} at {path}, where "
                f"{expected.get(path, 'nothing')} passes when it does not run: the two must have one shape. "
                "`conditionally_mask` makes zeros of the right shape instead."
            )


def _shapes(tree: Any) -> dict[str, str]:
    """The shape of the array at each path, in words."""
    leaves = tree_leaves_with_path(tree)
    return {keystr(path) or "the root": f"an array of shape {jnp.shape(leaf)}" for path, leaf in leaves}

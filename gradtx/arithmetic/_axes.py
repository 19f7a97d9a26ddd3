"""Mesh axes inside `jax.shard_map`: over which of them an array is split, and sums over them."""

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial, reduce
from typing import Any

import jax

AxisName = str | tuple[str, ...] | None
"""Inside `jax.shard_map`, the mesh axes over which arrays are split; `None` or `()` for no axis."""

SPLIT_LEAVES = (
    "inside `jax.shard_map`, the mesh axes over which the leaves are split, as in `clip_by_global_norm`"
)
"""The meaning of an `axis_name` that says how leaves are split, for its declaration."""


def axes_in(axis_name: AxisName) -> tuple[str, ...]:
    """The axes that `axis_name` names."""
    return (axis_name,) if isinstance(axis_name, str) else axis_name or ()


def varying(x: Any) -> frozenset[str]:
    """The manual axes over which `x` varies by its type: none where types are hidden.

    The types of `jax.shard_map` show it. Those under `check_vma=False`, `jax.pmap` and `jax.vmap` do not.
    """
    kind: Any = jax.typeof(x)
    # JAX before 0.10 has the set in the type itself.
    return kind.manual_axis_type.varying if hasattr(kind, "manual_axis_type") else kind.vma


def as_shape(kind: Any) -> jax.ShapeDtypeStruct:
    """The shape, dtype, sharding and varying axes of a type, from which `jnp.zeros_like` makes an array."""
    # JAX before 0.10 leaves the axes out of the shapes that it returns.
    name = "manual_axis_type" if hasattr(kind, "manual_axis_type") else "vma"
    return jax.ShapeDtypeStruct(
        kind.shape,
        kind.dtype,
        sharding=kind.sharding,
        weak_type=kind.weak_type,
        **{name: getattr(kind, name)},
    )


def is_shown(axis: str) -> bool:
    """Whether types show that an array varies over this axis."""
    return bool(varying(jax.eval_shape(partial(jax.lax.axis_index, axis))))


def hidden_axes() -> tuple[str, ...]:
    """The manual axes of the mesh of which types show nothing; none outside of `jax.shard_map`."""
    return tuple(axis for axis in jax.sharding.get_abstract_mesh().manual_axes if not is_shown(axis))


def split_over(x: Any, axis_name: AxisName) -> tuple[str, ...]:
    """The named axes over which `x` is split: those over which it varies, and all where types are hidden."""
    axes = axes_in(axis_name)
    shown = varying(x) if axes else ()
    return tuple(axis for axis in axes if axis in shown or not is_shown(axis))


def over_shards(x: Any, axis_name: AxisName, collective: Callable[..., Any] = jax.lax.psum) -> Any:
    """`x`, a sum over a shard, or what else `collective` makes of all shards, over the whole array.

    An array that does not vary over a named axis is whole, and counts once.
    """
    axes = split_over(x, axis_name)
    return collective(x, axes) if axes else x


def sum_over_shards(sums: Callable[[list[Any]], Any], arrays: Iterable[Any], axis_name: AxisName) -> Any:
    """`sums(arrays)`, a tree of sums over arrays, of the whole arrays where these are shards."""
    arrays = list(arrays)
    if not axes_in(axis_name):
        return sums(arrays)
    alike: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for array in arrays:
        alike[split_over(array, axis_name)].append(array)
    totals = [jax.lax.psum(sums(own), axes) if axes else sums(own) for axes, own in alike.items()]
    return reduce(partial(jax.tree.map, operator.add), totals) if totals else sums([])

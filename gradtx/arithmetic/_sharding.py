"""The sharding of arrays over a mesh with explicit axes, where types show it."""

from collections.abc import Collection, Sequence
from typing import Any

import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec


def made_whole(x: jax.Array, along: Collection[int]) -> jax.Array:
    """`x`, unsplit along these axes if a mesh with explicit axes splits it there."""
    sharding = jax.typeof(x).sharding
    if all(sharding.spec[axis] is None for axis in along):
        return x
    kept = (axes if axis not in along else None for axis, axes in enumerate(sharding.spec))
    return jax.sharding.reshard(x, NamedSharding(sharding.mesh, PartitionSpec(*kept)))


def split_as(like: jax.Array, x: jax.Array) -> jax.Array:
    """`x`, split as `like` is if a mesh with explicit axes splits either."""
    sharding = jax.typeof(like).sharding
    return x if jax.typeof(x).sharding.spec == sharding.spec else jax.sharding.reshard(x, sharding)


def may_be_split(x: jax.Array) -> bool:
    """Whether `x` may be split over devices, by its type or by the compiler: on a mesh that is not manual.

    Arguments that get their sharding from `in_shardings` of `jax.jit` alone, without a mesh that is set, do
    not show it.
    """
    meshes = (jax.typeof(x).sharding.mesh, jax.sharding.get_abstract_mesh())
    axes = [axis for mesh in meshes for axis in zip(mesh.axis_types, mesh.axis_sizes, strict=True)]
    return any(kind != AxisType.Manual and size > 1 for kind, size in axes)


def split_alike(arrays: Sequence[Any]) -> list[Any]:
    """`arrays`, of which those with the shape of the first one are split as the finest of them is.

    Arithmetic takes arrays that are split differently; a selection does not. `None` stands for no array.
    """
    shape = arrays[0].shape
    alike = [x for x in arrays if x is not None and x.shape == shape]
    finest = max(alike, key=lambda x: sum(axes is not None for axes in jax.typeof(x).sharding.spec))
    return [split_as(finest, x) if x is not None and x.shape == shape else x for x in arrays]

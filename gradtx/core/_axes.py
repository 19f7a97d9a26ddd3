"""The check inside `jax.shard_map` that a transformation which needs whole leaves does not get shards."""

from typing import Any

import jax
from jax.tree_util import keystr, tree_leaves_with_path

from gradtx.arithmetic import AxisName, axes_in, hidden_axes, varying
from gradtx.tree import is_inexact


def require_axes(owner: str, axis_name: AxisName, *, takes_axis_name: bool = True, **trees: Any) -> None:
    """Refuses a leaf that varies over a manual axis of the mesh which `axis_name` does not name.

    Args:
      owner: the name of the transformation, for the error.
      axis_name: the axes that it is given.
      takes_axis_name: whether it has a way to name axes.
      **trees: the trees to check, under the names that the error uses.

    Raises:
      ValueError: for such a leaf, naming it and the axes.
    """
    if not jax.sharding.get_abstract_mesh().manual_axes:
        return  # nearly always
    named = axes_in(axis_name)
    for path, leaf in tree_leaves_with_path(trees):
        missing = varying(leaf).difference(named) if is_inexact(leaf) else ()
        if missing:
            place = keystr(path[1:]) or "the root"
            raise ValueError(
                f"{owner}: in the {keystr(path[:1], simple=True)} the leaf at {place} varies over the mesh "
                f"axis {_listed(missing)}, so it is a shard.\n{owner} is no elementwise rule.\n"
                f"{_remedy((*named, *sorted(missing)) if takes_axis_name else ())}"
            )


def require_axis_name(owner: str, axis_name: AxisName) -> None:
    """Refuses to guess, where types do not show it, whether leaves are split.

    Raises:
      ValueError: without an `axis_name`, inside of `jax.shard_map` where types are hidden.
    """
    if axis_name is None and (hidden := hidden_axes()):
        raise ValueError(
            f"{owner}: types do not show whether leaves are split over the mesh axis {_listed(hidden)}. Give "
            "axis_name=(), if each device has whole leaves, or the axes over which they are split."
        )


def _remedy(axes: tuple[str, ...]) -> str:
    if axes:
        given = repr(axes[0]) if len(axes) == 1 else repr(axes)
        return f"Name the axes over which leaves are split: axis_name={given}."
    return (
        "Update outside of jax.shard_map, under jax.jit, or gather the leaf. If each shard is whole by "
        "itself, such as the matrices of one expert, jax.shard_map(..., check_vma=False) lets it pass."
    )


def _listed(axes: Any) -> str:
    return ", ".join(map(repr, sorted(axes)))

"""The groups of leaves by which a training is watched: the parts of a model at its top."""

from typing import Any

from jax.tree_util import tree_leaves_with_path, tree_map_with_path

from gradtx.tree import entry_name


def top_level(params: Any) -> Any:
    """Labels by the first level of a tree that has several names; `"all"` for a tree without one.

    >>> top_level({"params": {"dense": {"kernel": 1.0, "bias": 0.0}, "head": 2.0}})
    {'params': {'dense': {'bias': 'dense', 'kernel': 'dense'}, 'head': 'head'}}
    """
    paths = [path for path, _ in tree_leaves_with_path(params)]
    depth = 0
    while paths and all(len(path) > depth for path in paths) and len({path[depth] for path in paths}) == 1:
        depth += 1
    return tree_map_with_path(lambda path, _: entry_name(path[depth]) if len(path) > depth else "all", params)

"""Batches for repeated short runs: a tree of arrays, and an order of them for each seed."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_leaves_with_path


def as_tree(batches: Any, most: int) -> Any:
    """The batches as one tree of arrays, each with a leading axis of batches.

    Args:
      batches: such a tree, or an iterator of batches.
      most: the number of batches to read from an iterator.

    Raises:
      ValueError: where there is no batch, or where the arrays differ in the length of their first axis.
    """
    if isinstance(batches, Iterator):
        read = list(islice(batches, most))
        batches = jax.tree.map(lambda *leaves: jnp.stack(leaves), *read) if read else ()
    leaves = tree_leaves_with_path(batches)
    numbers = {keystr(path): np.shape(leaf)[:1] for path, leaf in leaves}
    sizes = set(numbers.values())
    if len(sizes) != 1 or sizes & {(), (0,)}:
        shown = ", ".join(
            f"batches{name}: {size[0] if size else 'a scalar'}" for name, size in numbers.items()
        )
        raise ValueError(
            "lr_range_test: batches must be arrays with one leading axis, an entry for each batch, got "
            f"{shown or 'none'}. One batch is jax.tree.map(lambda x: x[None], batch); a loader that is no "
            "tree of arrays is passed as iter(loader)."
        )
    return batches


def orders(batches: Any, steps: int, seeds: int) -> Any:
    """The indices of the batches for each seed, shape `(seeds, steps)`: one random permutation after another.

    For one batch there is one order.
    """
    number = len(jax.tree.leaves(batches)[0])
    rounds = -(-steps // number)
    each: list[Any] = []
    for seed in range(seeds if number > 1 else 1):
        random = np.random.default_rng(seed)
        each.append(np.concatenate([random.permutation(number) for _ in range(rounds)])[:steps])
    return np.stack(each).astype(np.int32)

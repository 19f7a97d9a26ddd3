"""The rows of a loop, a dictionary of numbers for each step, as series."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.tree_util import tree_leaves_with_path

from gradtx.tree import entry_name


def from_rows(rows: Iterable[Mapping[str, Any]]) -> dict[str, Array]:
    """The numbers of each name, in the order of the rows.

    Raises:
      ValueError: for no row, and for rows that differ in their names.
    """
    flat = [{".".join(map(entry_name, path)): x for path, x in tree_leaves_with_path(row)} for row in rows]
    if not flat:
        raise ValueError("History.of_rows: there is no row.")
    for number, row in enumerate(flat):
        if differ := sorted(row.keys() ^ flat[0].keys()):
            raise ValueError(f"History.of_rows: row {number} and row 0 differ in the name {differ[0]!r}.")
    return {name: jnp.asarray([row[name] for row in flat]) for name in flat[0]}

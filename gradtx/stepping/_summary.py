"""A summary of an optimizer: its transformations, the state of each, and the memory of a step."""

from collections.abc import Iterator
from math import prod
from typing import Any

import jax
from jax.tree_util import tree_leaves_with_path

from gradtx.core import (
    GradientTransformation,
    Params,
    Table,
    as_transformation,
    chain,
    lint,
    members,
    named_chain,
    one_of,
    size_of,
)
from gradtx.stepping._memory import memory
from gradtx.tree import entry_name


def summary(tx: Any, params: Params, *, peak: bool = False, **extra: Any) -> Table:
    """A table of the transformations in an optimizer, with the state that each keeps for `params`.

    The findings of `lint` follow, for example a group without a leaf or a global norm over one group alone.
    For a stack, the bytes are those of all members. The table is a value: it prints, a notebook shows it as a
    table, and `rows` has its cells.

    Args:
      tx: the optimizer.
      params: the parameters, or their shapes and dtypes (`jax.ShapeDtypeStruct`): nothing is allocated.
      peak: whether the table of `memory` follows, with the temporaries and the peak of a step, for which the
        step is compiled.
      **extra: the extra arguments that `memory` takes.

    >>> import jax
    >>> from gradtx import momentum
    >>> summary(momentum(0.1), {"w": jax.ShapeDtypeStruct((1000, 10), "float32")})
    transformation                             state  arrays  dtype       bytes
    trace(decay=0.9)                           trace       1  float32  40.00 kB
    scale_by_learning_rate(learning_rate=0.1)  -
    all                                                    1           40.00 kB

    >>> print(summary(momentum(0.1), {"w": jax.ShapeDtypeStruct((1000, 10), "float32")}, peak=True).below[-1])
    step     parameters  gradients     state  temporaries  ...
    jax.jit    40.00 kB   40.00 kB  40.00 kB  ...
    Stepper    40.00 kB   40.00 kB  40.00 kB  ...
    """
    tx = as_transformation(tx)
    shape = members(tx)
    state = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((*shape, *leaf.shape), leaf.dtype),
        jax.eval_shape(one_of(tx).init, params),
    )
    arrays = jax.tree.leaves(state)
    every = f"all {prod(shape)} members" if shape else "all"
    return Table(
        ("transformation", "state", "arrays", "dtype", "bytes"),
        [*_rows(tx, state, depth=0), (every, "", str(len(arrays)), "", size_of(arrays))],
        right=("arrays", "bytes"),
        below=(lint(tx, params), memory(tx, params, **extra) if peak else None),
    )


def _rows(tx: GradientTransformation, state: Any, depth: int) -> Iterator[tuple[str, ...]]:
    """A row for each kind of array that `tx` keeps, then the indented rows of its nested transformations."""
    parts = list(tx.parts(tx.own_state(state)))
    in_sequence = isinstance(tx, chain | named_chain)
    if not in_sequence:
        label = "  " * depth + _label(tx)
        kept = _own_arrays(state, [part_state for _, _, part_state in parts])
        for (name, dtype), arrays in kept.items():
            yield label, name, str(len(arrays)), dtype, size_of(arrays)
            label = ""
        if not kept:
            yield label, "-", "", "", ""
    for index, (name, part, part_state) in enumerate(parts):
        below = depth if in_sequence else depth + 1
        if not in_sequence and name not in ("", f"[{index}]"):
            yield "  " * below + name, "", "", "", ""
            below += 1
        yield from _rows(part, part_state, below)


_WIDEST_LABEL = 80  # a joined schedule would push the columns off the screen


def _label(tx: GradientTransformation) -> str:
    """`tx` as an expression, without its nested transformations."""
    label = tx.own_expression()
    return label if len(label) <= _WIDEST_LABEL else label[: _WIDEST_LABEL - 3] + "..."


def _own_arrays(state: Any, part_states: list[Any]) -> dict[tuple[str, str], list[Any]]:
    """The arrays in `state` that are in none of `part_states`, by field name and dtype."""
    theirs = set(map(id, jax.tree.leaves(part_states)))
    kept: dict[tuple[str, str], list[Any]] = {}
    for path, array in tree_leaves_with_path(state):
        if id(array) not in theirs:
            names = [name for name in map(entry_name, path) if name != "inner"] or ["state"]
            kept.setdefault((names[0], array.dtype.name), []).append(array)
    return kept

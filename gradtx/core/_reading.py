"""Reading an optimizer and its state: hyperparameters, parameters to evaluate, and a summary."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import jax
from jax.tree_util import tree_leaves_with_path

from gradtx.core._chain import chain, named_chain
from gradtx.core._transformation import GradientTransformation, as_transformation
from gradtx.tree import entry_name, spelled


def hyperparams(tx: Any, state: Any) -> dict[str, Any]:
    """The hyperparameters of the next update, by name; for a schedule, its value at the current count.

    A name that occurs more than once has its path before it, as in `"[0].eps"`.

    Args:
      tx: the optimizer.
      state: its current state.

    >>> import jax.numpy as jnp
    >>> from gradtx import chain, linear_schedule, scale_by_learning_rate, trace
    >>> tx = chain(trace(0.9), scale_by_learning_rate(linear_schedule(0.5, 0.0, 2)))
    >>> _, state = tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)))
    >>> hyperparams(tx, state)
    {'decay': 0.9, 'learning_rate': Array(0.25, dtype=float32)}
    """
    entries = [
        (path, name, value)
        for path, part, part_state in walk(as_transformation(tx), state)
        for name, value in part.resolved(part_state).hyperparameters().items()
    ]
    names = Counter(name for _, name, _ in entries)
    return {name if names[name] == 1 else f"{path}.{name}": value for path, name, value in entries}


def eval_params(tx: Any, state: Any, params: Any) -> Any:
    """The parameters to evaluate and to keep as the result of training.

    Most optimizers train these parameters themselves, and the result is `params`. Others take gradients at
    one point and return another one, as `schedule_free` returns an average. The result is then this other
    point, in the structure and the dtypes of `params`, for an optimizer anywhere in a chain, a mask or a
    partition. The result may be `params` or share memory with `state`: copy it before a step that donates
    them.

    Args:
      tx: the optimizer.
      state: its current state.
      params: the current parameters.

    Raises:
      ValueError: for the state of another optimizer, as far as its structure shows.

    >>> import jax.numpy as jnp
    >>> from gradtx import apply_updates, schedule_free_sgd
    >>> tx, params = schedule_free_sgd(1.0, b1=0.5), jnp.array(0.0)
    >>> state = tx.init(params)
    >>> for _ in range(2):  # z goes to -1 and -2, whose average is -1.5
    ...     updates, state = tx.update(jnp.array(1.0), state, params)
    ...     params = apply_updates(params, updates)
    >>> params, eval_params(tx, state, params)
    (Array(-1.75, dtype=float32), Array(-1.5, dtype=float32))
    """
    return as_transformation(tx).evaluation_params(state, params)


def summary(tx: Any, params: Any) -> str:
    """A table of the transformations in an optimizer, with the state that each keeps for `params`.

    Warnings follow the table, for example for a group without a leaf or a global norm over one group alone.

    Args:
      tx: the optimizer.
      params: the parameters, or their shapes and dtypes (`jax.ShapeDtypeStruct`): nothing is allocated.

    >>> import jax
    >>> from gradtx import momentum
    >>> print(summary(momentum(0.1), {"w": jax.ShapeDtypeStruct((1000, 10), "float32")}))
    transformation                             state  arrays  dtype       bytes
    trace(decay=0.9)                           trace       1  float32  40.00 kB
    scale_by_learning_rate(learning_rate=0.1)  -
    all                                                    1           40.00 kB
    """
    tx = as_transformation(tx)
    state = jax.eval_shape(tx.init, params)
    arrays = jax.tree.leaves(state)
    rows = [
        ("transformation", "state", "arrays", "dtype", "bytes"),
        *_rows(tx, state, depth=0),
        ("all", "", str(len(arrays)), "", _size(arrays)),
    ]
    return "\n".join([table(rows, right_aligned=("arrays", "bytes")), *tx.warnings(params)])


def walk(
    tx: GradientTransformation, state: Any, path: str = ""
) -> Iterator[tuple[str, GradientTransformation, Any]]:
    """Every transformation in `tx`, `tx` itself first, with its path and its part of the state."""
    yield path, tx, state
    for name, part, part_state in tx.parts(tx.own_state(state)):
        yield from walk(part, part_state, path + name)


def all_in(tx: GradientTransformation) -> Iterator[GradientTransformation]:
    """A transformation and all transformations nested in it, the outer before the inner."""
    yield tx
    for part in tx.nested:
        yield from all_in(part)


def _rows(tx: GradientTransformation, state: Any, depth: int) -> Iterator[tuple[str, ...]]:
    """A row for each kind of array that `tx` keeps, then the indented rows of its nested transformations."""
    parts = list(tx.parts(tx.own_state(state)))
    in_sequence = isinstance(tx, chain | named_chain)
    if not in_sequence:
        label = "  " * depth + _label(tx)
        kept = _own_arrays(state, [part_state for _, _, part_state in parts])
        for (name, dtype), arrays in kept.items():
            yield label, name, str(len(arrays)), dtype, _size(arrays)
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
    label = repr(tx)
    if tx.nested:
        own = ", ".join(f"{name}={spelled(value)}" for name, value in tx.hyperparameters().items())
        label = f"{type(tx).__name__}({own})"
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


def _size(arrays: list[Any]) -> str:
    """The memory of the arrays, in decimal units."""
    size = float(sum(array.size * array.dtype.itemsize for array in arrays))
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.2f} {unit}"
        size /= 1000
    return f"{size:.2f} TB"


def table(rows: list[tuple[str, ...]], right_aligned: tuple[str, ...] = ()) -> str:
    """Rows of text as a table; the first is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if name in right_aligned else cell.ljust(width)
            for cell, width, name in zip(row, widths, rows[0], strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)

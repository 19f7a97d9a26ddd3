"""A state as a table: its fields, with the arrays in each."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.tree_util import keystr

from gradtx.core._table import Table, print_lines

Kind = type[Any]


def state_table(state: Any) -> Table:
    """A table of the fields of a state: their paths, the values of numbers, and the arrays with their bytes.

    A notebook shows this table for a state, where a named tuple by itself prints every array. The state of a
    chain is a plain tuple: `state_table(state)` shows it.

    Args:
      state: the state of an optimizer, or its shapes and dtypes.

    >>> import jax.numpy as jnp
    >>> from gradtx import momentum
    >>> state_table(momentum(0.1).init({"w": jnp.zeros((1000, 10)), "b": jnp.zeros(10)}))
    field      value  arrays  dtype       bytes
    [0].trace              2  float32  40.04 kB
    all                    2           40.04 kB
    """
    rows: list[tuple[str, ...]] = []
    for path, node in _fields(state, ""):
        if arrays := jax.tree.leaves(node):
            dtypes = ", ".join(sorted({array.dtype.name for array in arrays}))
            rows.append((path, _value(arrays), str(len(arrays)), dtypes, size_of(arrays)))
    arrays = jax.tree.leaves(state)
    rows.append(("all", "", str(len(arrays)), "", size_of(arrays)))
    return Table(("field", "value", "arrays", "dtype", "bytes"), rows, right=("arrays", "bytes"))


def displayed(kind: Kind) -> Kind:
    """Gives a class of named tuples the displays of a state in a notebook, unless it has its own."""
    if not hasattr(kind, "_repr_html_"):
        kind._repr_html_ = lambda state: state_table(state)._repr_html_()
        kind._repr_pretty_ = _pretty
    return kind


def size_of(arrays: list[Any]) -> str:
    """The memory of the arrays, in decimal units."""
    return bytes_in_words(sum(array.size * array.dtype.itemsize for array in arrays))


def bytes_in_words(number: int) -> str:
    """A number of bytes, in decimal units."""
    size = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.2f} {unit}"
        size /= 1000
    return f"{size:.2f} TB"


def _pretty(state: Any, printer: Any, cycle: bool) -> None:
    if jax.tree.leaves(state):
        print_lines(printer, f"{type(state).__name__}:\n{state_table(state)}")
    else:
        printer.text(repr(state))


def _fields(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The fields of the named tuples in a state that contain no named tuples themselves, with their paths."""
    inside = jax.tree.leaves(node, is_leaf=lambda child: child is not node and _is_named(child))
    if not any(map(_is_named, (node, *inside))):
        yield path.lstrip(".") or "state", node
        return
    children, _ = jax.tree_util.tree_flatten_with_path(node, is_leaf=lambda child: child is not node)
    for entry, child in children:
        yield from _fields(child, path + keystr(entry))


def _is_named(node: Any) -> bool:
    """Whether a node is a named tuple with fields, which a `MaskedNode` is not."""
    return bool(getattr(node, "_fields", ()))


def _value(arrays: list[Any]) -> str:
    """The value of one number, if it is known."""
    (first, *others) = arrays
    known = not isinstance(first, Tracer | jax.ShapeDtypeStruct) and getattr(
        first, "is_fully_addressable", True
    )
    return f"{np.asarray(first)[()]:.6g}" if known and not others and first.ndim == 0 else ""

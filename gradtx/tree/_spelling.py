"""Values as the expressions that make them, and long expressions over several lines."""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.core import Tracer


def spelled(value: Any) -> str:
    """`value` as a Python expression in one line, as far as it has one.

    An object that prints over several lines has its expression in a method `expression()`. The values of an
    array follow each other as in a list; a long array has its first and its last one.

    >>> import numpy as np
    >>> spelled((np.float32(0.5), np.dtype("int8"))), spelled(np.array([0.1, 1e-8]))
    ("(np.float32(0.5), 'int8')", '[0.1, 1e-08]')
    """
    if callable(getattr(value, "expression", None)) and not isinstance(value, type):
        return value.expression()
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return _spelled_array(value)
    if type(value) in (tuple, dict):
        return _spelled_entries(value)
    if callable(value) and hasattr(value, "__qualname__"):
        module = {"jax.numpy": "jnp.", "numpy": "np."}.get(value.__module__, "")
        return module * isinstance(value, type) + value.__qualname__
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    return repr(value.name if isinstance(value, np.dtype) else value)


def _spelled_entries(entries: Any) -> str:
    if isinstance(entries, dict):
        return f"{{{', '.join(f'{name!r}: {spelled(held)}' for name, held in entries.items())}}}"
    return f"({', '.join(map(spelled, entries))}{',' if len(entries) == 1 else ''})"


def _spelled_array(array: Any) -> str:
    if isinstance(array, Tracer) or not getattr(array, "is_fully_addressable", True):
        return f"{array.dtype.name}[{','.join(map(str, array.shape))}]"
    if array.ndim > 0:
        return members(array)
    scalar = np.asarray(array)[()]
    module = "np" if type(scalar).__module__ == "numpy" else "jnp"
    return f"{module}.{scalar.dtype.name}({spelled(scalar.item())})"


_SHORT = 8  # the largest number of values that are all shown


def members(array: Any, refused: Callable[[Any], bool] = lambda number: False) -> str:
    """The values of an array: all of a short one, and the first and the last of a long one.

    Args:
      array: a concrete array with at least one axis.
      refused: whether a value is marked, by `!`; the first such value of a long array is shown too.

    >>> import numpy as np
    >>> members(np.linspace(0.0, 1.0, 3)), members(np.arange(9), lambda number: number > 4)
    ('[0.0, 0.5, 1.0]', '[0 ... 5! ... 8!]')
    """
    array = np.asarray(array)

    def word(number: Any) -> str:
        number = number.item()
        return f"{float(f'{number:.6g}') if isinstance(number, float) else number!r}{'!' * refused(number)}"

    if array.size <= _SHORT:
        return _listed(array, word)
    words = list(map(word, array.ravel()))
    shown = [words[0], *[found for found in words[1:-1] if found.endswith("!")][:1], words[-1]]
    return f"{'[' * array.ndim}{' ... '.join(shown)}{']' * array.ndim}"


def _listed(array: Any, word: Callable[[Any], str]) -> str:
    entries = map(word, array) if array.ndim == 1 else (_listed(part, word) for part in array)
    return f"[{', '.join(entries)}]"


WIDTH = 100
"""The number of columns of printed values, whatever the terminal."""


def laid_out(expression: str, column: int = 0, after: int = 0) -> str:
    """An expression over several lines, if it has more than `WIDTH` columns.

    Each argument of a call begins a line, below the first one; numbers and other short arguments fill their
    lines. If this leaves less than half of the columns, the arguments begin four columns to the right of
    their line. A line breaks at commas and at operators inside brackets, never inside of a string.

    Args:
      expression: a Python expression in one line.
      column: the column at which it begins.
      after: the number of columns that follow it in its last line.

    >>> print(laid_out(f"chain(scale(step_size={'1' * 50}), scale(step_size={'2' * 50}))"))
    chain(scale(step_size=11111111111111111111111111111111111111111111111111),
          scale(step_size=22222222222222222222222222222222222222222222222222))
    """
    return _laid_out(expression, column, column, after)


def _laid_out(expression: str, column: int, indent: int, after: int) -> str:
    """`expression`, which begins at `column` of a line with this indent."""
    arguments = list(_arguments(expression)) if column + len(expression) + after > WIDTH else []
    if not arguments:
        return expression
    first, last = arguments[0][0], arguments[-1][1]
    aligned = column + first <= WIDTH // 2
    below = column + first if aligned else indent + 4
    own = indent if aligned and len(arguments) == 1 else below  # a lone argument stays in its line
    tail = expression[last:]
    lines: list[str] = []
    fills = False
    for start, end in arguments:
        following = len(tail) + after if end == last else 0
        line = _laid_out(expression[start:end], below, own, following)
        filled, fills = fills, not _CALL.search(line)
        if filled and fills and below + len(lines[-1]) + 1 + len(line) + following <= WIDTH:
            lines[-1] += " " + line
        else:
            lines.append(line)
    margin = "\n" + " " * below
    return expression[:first] + margin * (not aligned) + margin.join(lines) + tail


_CALL = re.compile(r"\w\(.*=|: |^[-+*/] ")
"""A call with named arguments, an entry of a dictionary, an operation: each begins a line."""

_TOKEN = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[(\[{]|[)\]}]|,\ |\ [-+*/]\ """, re.VERBOSE)


def _arguments(expression: str) -> Iterator[tuple[int, int]]:
    """The place of each argument in the last pair of outer brackets, each with the comma that follows it."""
    depth, start, found = 0, 0, list[tuple[int, int]]()
    for token in _TOKEN.finditer(expression):
        if token[0] in "([{":
            depth += 1
            if depth == 1:
                start, found = token.end(), []
        elif token[0] in ")]}":
            depth -= 1
            if depth == 0 and token.start() > start:
                found.append((start, token.start()))
        elif depth == 1 and token[0] == ", ":
            found.append((start, token.end() - 1))
            start = token.end()
        elif depth == 1 and token[0][0] == " ":
            found.append((start, token.start()))
            start = token.start() + 1
    yield from found

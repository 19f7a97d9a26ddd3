"""Tables of text: values that print, and that a notebook shows as tables."""

from collections.abc import Iterable
from typing import Any, NoReturn

Row = tuple[str, ...]


class Table(str):
    """Rows of text as a value: a string that prints as a table, and that a notebook shows as one.

    It is frozen. As it is a string, `"adam" in table` and `table.splitlines()` work. `columns` has the
    titles, `rows` the cells below them, and `below` the tables and findings that follow.

    Args:
      columns: the title of each column.
      rows: the cells of each row.
      right: the titles of the columns that are aligned at the right.
      below: tables and findings that follow; an empty one is left out.

    >>> tiny = Table(("rule", "bytes"), [("trace", "40 B")], right=("bytes",))
    >>> tiny
    rule   bytes
    trace   40 B
    >>> tiny.rows
    (('trace', '40 B'),)
    """

    __slots__ = ("below", "columns", "right", "rows")

    columns: Row
    rows: tuple[Row, ...]
    right: tuple[str, ...]
    below: tuple[Any, ...]

    def __new__(
        cls, columns: Row, rows: Iterable[Row], right: tuple[str, ...] = (), below: tuple[Any, ...] = ()
    ) -> "Table":
        rows, below = tuple(rows), tuple(part for part in below if part)
        lines = _aligned([columns, *rows], right)
        table = super().__new__(cls, "\n".join([*lines, *map(str, below)]))
        for name, value in zip(cls.__slots__, (below, columns, right, rows), strict=True):
            object.__setattr__(table, name, value)
        return table

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is a value: its {name} cannot be set.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is a value: it keeps its {name}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.columns, self.rows, self.right, self.below)

    def __str__(self) -> str:
        return str.__str__(self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        print_lines(printer, self)

    def _repr_html_(self) -> str:
        from gradtx.core._html import of_table  # noqa: PLC0415 - for a notebook alone

        return of_table(self)


def _aligned(rows: list[Row], right: tuple[str, ...]) -> list[str]:
    """A line for each row; the first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row in rows:
        cells = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, rows[0], strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def print_lines(printer: Any, text: str) -> None:
    """Prints lines of text with the pretty printer of IPython, at its current indent."""
    with printer.group():
        for number, line in enumerate(text.splitlines()):
            if number:
                printer.break_()
            printer.text(line)

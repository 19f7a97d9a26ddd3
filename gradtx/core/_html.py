"""Displays of values for notebooks: HTML that is readable without styles, and without a script."""

import inspect
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from gradtx.core._curve import svg_curve
from gradtx.tree import spelled

LIMIT = 18_000
"""The number of bytes of the rows of a display, and of anything that may be long."""

_LONGEST = 300  # the characters of a cell


def of_table(table: Any) -> str:
    """A table of text as HTML, followed by the tables and findings below it."""
    rows = (_row(row, [name in table.right for name in table.columns]) for row in table.rows)
    return _table(table.columns, rows) + "".join(part._repr_html_() for part in table.below)


def of_findings(findings: Any) -> str:
    """Findings as a list in HTML."""
    items = (
        f"<li><b>{_text(finding.name)}</b>{_at(finding.path)}: {_text(finding.text)} {_details(finding)}</li>"
        for finding in findings
    )
    return f"<ul>{''.join(_within(items, '<li>...</li>'))}</ul>" if findings else "<p>no findings</p>"


def _details(finding: Any) -> str:
    """The remedy of a finding; with evidence, a list of the cause, the evidence and the remedy."""
    if not finding.details():
        return _text(finding.remedy)
    items = (f"<li>{_text(title)}: {_text(text)}</li>" for title, text in finding.details())
    return f"<ul>{''.join(items)}</ul>"


def of_schedule(schedule: Any) -> str:
    """A schedule as HTML: its expression and its curve."""
    return f"<div><code>{_text(schedule.expression())}</code><br>{svg_curve(schedule)}</div>"


def of_transformation(tx: Any) -> str:
    """A transformation as HTML: a row for each transformation in it, and the whole expression."""
    expression = "".join(_within(map(escape, repr(tx).splitlines(keepends=True)), "...", LIMIT // 6))
    return (
        _table(("transformation", "hyperparameters", "purpose"), _rows(tx, "", 0), LIMIT * 3 // 4)
        + f"<details><summary>expression</summary><pre>{expression}</pre></details>"
    )


def _rows(tx: Any, label: str, depth: int) -> Iterator[str]:
    own = {**tx.hyperparameters(), **tx.options()}
    numbers = "<br>".join(_number(name, value) for name, value in own.items())
    name = f"{label} {type(tx).__name__}".strip()
    cells = (f"{'&nbsp;' * 4 * depth}<code>{_text(name)}</code>", numbers, _text(_purpose(tx)))
    yield _row_of(cells)
    for index, (path, part, _) in enumerate(tx.parts_with(None)):
        yield from _rows(part, "" if path in ("", f"[{index}]") else path, depth + 1)


def _number(name: str, value: Any) -> str:
    if hasattr(value, "_repr_html_"):
        return f"{escape(name)} = {value._repr_html_()}"
    return _text(f"{name} = {spelled(value)}")


def _purpose(tx: Any) -> str:
    """The beginning of the documentation, up to its first period or equation."""
    paragraph = " ".join((inspect.getdoc(type(tx)) or "").split("\n\n")[0].split())
    first, *_ = re.split(r"(?<=\.) |:? \$", paragraph)
    return first.replace("`", "").rstrip(".")


def _table(columns: Iterable[str], rows: Iterable[str], limit: int = LIMIT) -> str:
    titles = "".join(f"<th {_align(False)}>{_text(name)}</th>" for name in columns)
    more = "<tr><td>...</td></tr>"
    return (
        f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(_within(rows, more, limit))}</tbody></table>"
    )


def _row(cells: Iterable[str], right: Iterable[bool]) -> str:
    spaced = (re.sub("^ +", lambda found: "&nbsp;" * 2 * len(found[0]), _text(cell)) for cell in cells)
    return _row_of(spaced, right)


def _row_of(cells: Iterable[str], right: Iterable[bool] = (False, False, False)) -> str:
    columns = (f"<td {_align(end)}>{cell}</td>" for cell, end in zip(cells, right, strict=True))
    return f"<tr>{''.join(columns)}</tr>"


def _align(right: bool) -> str:
    return f'style="text-align:{"right" if right else "left"};vertical-align:top"'


def _at(path: str) -> str:
    return f" at <code>{_text(path)}</code>" if path else ""


def _text(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...")


def _within(parts: Iterable[str], more: str, limit: int = LIMIT) -> Iterator[str]:
    """The first of `parts`, with at most `limit` bytes together, and `more` if any is left off."""
    size = 0
    for part in parts:
        size += len(part.encode())
        if size > limit:
            yield more
            return
        yield part

"""The scores of members in words: cells of a table, findings, and labels of lines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradtx.core import Finding
from gradtx.practice._grids import is_number
from gradtx.practice._tables import number
from gradtx.tree import spelled


def standard_error(values: Any) -> float:
    r"""The standard error of a mean of n numbers, $s / \sqrt n$; NaN for one number."""
    count = len(values)
    return float(np.std(values, ddof=1) / np.sqrt(count)) if count > 1 else float("nan")


def judged(scores: Any) -> tuple[str, str, str]:
    """The cells for the scores of a member: the mean, its standard error, and the diverged seeds."""
    diverged = int((~np.isfinite(scores)).sum())
    error = standard_error(scores) if not diverged and len(scores) > 1 else None
    mean = scores.mean() if not diverged else float("nan")
    return number(mean), number(error), f"{diverged} of {len(scores)}" if diverged else ""


def at_an_end(name: str, value: Any, values: Sequence[Any]) -> Finding | None:
    """A finding for a number that is the end of a list of three or more, but for 0, beyond which is none."""
    if not all(map(is_number, values)) or len(set(values)) < 3:
        return None
    for end, direction in ((min(values), "smaller"), (max(values), "larger")):
        if value == end != 0:
            text = f"the best {name}, {value:.4g}, is the end of its list."
            return Finding("end-of-grid", "", text, f"Add {direction} numbers: a better one may lie there.")
    return None


def lines_of(settings: Sequence[dict[str, Any]], first: str) -> dict[str, list[int]]:
    """The indices of the members of each line of a plot, by its label: the other numbers."""
    lines: dict[str, list[int]] = {}
    for index, setting in enumerate(settings):
        others = ", ".join(f"{name} {cell(value)}" for name, value in setting.items() if name != first)
        lines.setdefault(others, []).append(index)
    return lines


def cell(value: Any) -> str:
    """A number with four digits, or a schedule as its expression."""
    return f"{value:.4g}" if is_number(value) else spelled(value)

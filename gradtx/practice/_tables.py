"""Histories as tables of text."""

from typing import Any

import numpy as np

from gradtx.core import Table


def of_steps(history: Any, most: int) -> Table:
    """The numbers of one training, in at most so many rows at equal distances."""
    ends = [int(history.steps(name)[-1]) for name in history.names]
    shared = np.linspace(1, max(ends), min(max(ends), most)).round().astype(int)
    evaluated = [history.steps(name) for name in history.names if history.interval(name) > 1]
    if evaluated and max(ends) > most:  # else most rows would have no evaluation
        shared = np.unique([steps[np.abs(steps - step).argmin()] for steps in evaluated for step in shared])
    recorded = {
        name: dict(zip(history.steps(name).tolist(), np.asarray(history[name]), strict=True))
        for name in history.names
    }
    rows = [
        (str(step), *(number(recorded[name].get(int(step))) for name in history.names)) for step in shared
    ]
    return Table(("step", *history.names), rows, right=("step", *history.names))


def of_members(history: Any) -> Table:
    """The numbers at the end of each member."""
    finals = {name: np.asarray(history.final(name)) for name in history.names}
    rows = [
        (", ".join(map(str, index)), *(number(finals[name][index]) for name in history.names))
        for index in np.ndindex(*history.members)
    ]
    return Table(("member", *history.names), rows, right=("member", *history.names))


def number(value: Any) -> str:
    """A number with four digits; nothing for `None`."""
    return "" if value is None else f"{value:.4g}"

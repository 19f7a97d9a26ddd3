"""The values of a schedule at many counts: as a table, and as a picture."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_TENTHS = 11
_TURNS = 6
_MOST_COUNTS = 2**20
_POINTS = 1001


class ScheduleTable(NamedTuple):
    """The values of a schedule at some counts; it prints as a table."""

    steps: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def rows(self) -> list[tuple[int, float]]:
        """The pairs of a step and its value."""
        return list(zip(self.steps, self.values, strict=True))

    def __repr__(self) -> str:
        cells = [("step", "value"), *((f"{step}", f"{value:.4g}") for step, value in self.rows)]
        width = max(len(step) for step, _ in cells)
        return "\n".join(f"{step:>{width}}  {value}" for step, value in cells)

    __str__ = __repr__


def tabulated(schedule: Callable[[Any], Any], steps: int | Iterable[int]) -> ScheduleTable:
    """The values at these counts; for one number, at its tenths and where the curve turns between them."""
    if isinstance(steps, Iterable):
        counts = np.asarray(list(steps))
        values = curve(schedule, counts)
    else:
        counts = counts_up_to(steps, _MOST_COUNTS)
        values = curve(schedule, counts)
        kept = turns(counts, values, counts_up_to(len(counts) - 1, _TENTHS), _TURNS)
        counts, values = counts[kept], values[kept]
    return ScheduleTable(tuple(map(int, counts)), tuple(map(float, values)))


def drawn(schedule: Callable[[Any], Any], steps: int, ax: Any, **line: Any) -> Any:
    """The axes, with the curve from count 0 to `steps`."""
    if ax is None:
        try:
            from matplotlib import pyplot  # noqa: PLC0415
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                'schedule.plot draws with matplotlib, which is missing: pip install "gradtx[cli]". '
                "schedule.table(steps) needs no other package."
            ) from None
        ax = pyplot.gca()
    counts = counts_up_to(steps, _POINTS)
    ax.plot(counts, curve(schedule, counts), **{"label": type(schedule).__name__} | line)
    ax.set_xlabel("step")
    ax.set_ylabel("value")
    return ax


def counts_up_to(steps: int, most: int) -> Any:
    """The counts from 0 to `steps`, or `most` of them at equal distances."""
    return np.linspace(0, steps, min(steps + 1, most)).round().astype(int)


def curve(schedule: Callable[[Any], Any], counts: Any) -> Any:
    """The value at each count. The counts are mapped: a user's function need not accept an array of them."""
    return np.asarray(jax.jit(jax.vmap(schedule))(jnp.asarray(counts)), float)


def turns(counts: Any, values: Any, kept: Any, most: int) -> Any:
    """The indices `kept`, and up to `most` more, each of the value farthest from the lines between them."""
    for _ in range(most):
        distances = np.abs(values - np.interp(counts, counts[kept], values[kept]))
        if not distances.max() > 0.02 * np.ptp(values):
            break
        kept = np.union1d(kept, distances.argmax())
    return kept

"""The curve of a schedule as an SVG picture."""

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_WIDTH, _HEIGHT = 320, 120
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 20  # margins, for the numbers at the axes
_POINTS = 201


def svg_curve(schedule: Any) -> str:
    """The values of a schedule over its first updates as an SVG element; empty where it has no curve.

    The curve ends where the schedule no longer changes. A schedule without a concrete curve, such as a
    stacked one, or a function that takes no array, has none.
    """
    last = horizon(schedule)
    if last is None:
        return ""
    while last > 0:
        counts = np.unique(np.round(np.linspace(0, last, _POINTS)))
        values = np.asarray(_values(schedule, counts))
        if np.isfinite(values).all():
            return _svg(counts, values, type(schedule).__name__)
        last //= 2
    return ""


def horizon(schedule: Any) -> int | None:
    """The number of updates after which a schedule no longer changes, with a tenth more; `None` without one.

    It is at most ten times the largest number of the schedule below 2^20, which is usually a number of steps;
    for a schedule that never settles, four times this number, or 100 updates.
    """
    counts = np.unique(np.round(2.0 ** np.arange(0, 24, 0.125)))
    values = _values(schedule, counts)
    if values is None or not np.isfinite(values[0]):
        return None
    finite = int(np.argmin([*np.isfinite(values), False]))  # growth may overflow
    counts, values = counts[:finite], values[:finite]
    moved = np.abs(values - values[-1]) > 0.01 * np.ptp(values)
    settled = counts[1 + np.flatnonzero(moved)[-1]] if moved.any() else 90
    numbers = (float(leaf) for leaf in jax.tree.leaves(schedule))
    steps = max((number for number in numbers if 2 <= number < 2**20), default=None)
    if settled > 2**20:
        return 100 if steps is None else int(4 * steps)
    return int(np.ceil(min(1.1 * settled, np.inf if steps is None else 10 * steps)))


def _values(schedule: Any, counts: Any) -> Any:
    """The values at these counts, in float64, or `None` where they are no numbers."""
    try:
        values = np.asarray(jax.vmap(schedule)(jnp.asarray(counts, jnp.int32)), np.float64)
    except Exception:  # of a function that refuses a traced count, or of a stack
        return None
    return values


def _svg(counts: Any, values: Any, name: str) -> str:
    low, high = float(values.min()), float(values.max())
    low, high = (min(low, 0.0), max(high, 0.0)) if low == high else (low, high)
    span = high - low or 1.0
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    x = _LEFT + (right - _LEFT) * counts / counts[-1]
    y = bottom - (bottom - _TOP) * (values - low) / span
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in _corners(np.stack([x, y], axis=1)))
    label = '<text {} text-anchor="{}" font-size="10" fill="currentColor">{}</text>'
    labels = (
        label.format(f'x="{_LEFT - 6}" y="{_TOP + 4}"', "end", f"{high:.4g}"),
        label.format(f'x="{_LEFT - 6}" y="{bottom + 3}"', "end", f"{low:.4g}"),
        label.format(f'x="{_LEFT}" y="{_HEIGHT - 6}"', "middle", "0"),
        label.format(f'x="{right}" y="{_HEIGHT - 6}"', "end", f"{int(counts[-1])} updates"),
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img"><title>{name}: from {values[0]:.4g} to {values[-1]:.4g}</title>'
        f'<path d="M{_LEFT},{_TOP}V{bottom}H{right}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        f"{''.join(labels)}</svg>"
    )


def _corners(points: Any) -> Any:
    """The points without those that lie within a fiftieth of a pixel of the line between their neighbors."""
    kept = [points[0]]
    for point, following in pairwise(points[1:]):
        (a, b), (c, d) = point - kept[-1], following - kept[-1]
        if abs(a * d - b * c) > 0.02 * np.hypot(c, d):
            kept.append(point)
    return [*kept, points[-1]]

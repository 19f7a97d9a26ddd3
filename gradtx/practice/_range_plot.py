"""The picture of a range test, in matplotlib and in text."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradtx.practice._range_curve import smoothed

_COLUMNS, _ROWS = 64, 12
_ABOVE = 0.4  # the part of the fall that is shown above the first losses

Shown = tuple[float, float, float] | None
"""The interval, with the suggestion between its ends."""


def text_plot(test: Any, shown: Shown) -> str:
    """The smooth ramps as `*` and the ends of the runs at constant rates as `o`, over a ruler.

    The ruler has the interval in brackets, and the suggestion as `^`.
    """
    curves = _smooth(test)
    low, high = _limits(test, curves)
    grid = np.full((_ROWS, _COLUMNS), " ")
    places = np.linspace(0, len(test.rates) - 1, _COLUMNS)
    for curve in curves:
        ends = np.where(places <= len(curve) - 1, np.interp(places, np.arange(len(curve)), curve), np.inf)
        _mark(grid, np.arange(_COLUMNS), (high - ends) / (high - low), "*")
    columns = np.array([_column(test.rates, rate) for rate in test.sweep_rates], int)
    for ends in test.sweep_losses:
        _mark(grid, columns, (high - np.asarray(ends)) / (high - low), "o")
    labels = [f"{high:.4g}", *[""] * (_ROWS - 2), f"{low:.4g}"]
    width = max(map(len, labels))
    lines = [f"{label:>{width}} |{''.join(row).rstrip()}" for label, row in zip(labels, grid, strict=True)]
    first, last = f"{test.rates[0]:g}", f"{test.rates[-1]:g}"
    axis = f"{'':>{width}}  {first}{last:>{_COLUMNS - len(first)}}"
    return "\n".join([*lines, f"{'':>{width}} +{_ruler(test.rates, shown)}", axis])


def _mark(grid: Any, columns: Any, depths: Any, mark: str) -> None:
    """Puts a mark into each column, at a depth of 0 for the first row and 1 for the last, if it is there."""
    rows = depths * (_ROWS - 1)
    inside = np.isfinite(rows) & (rows > -0.5)
    grid[rows[inside].round().astype(int), columns[inside]] = mark


def _ruler(rates: Sequence[float], shown: Shown) -> str:
    ruler = ["-"] * _COLUMNS
    if shown:
        left, middle, right = (_column(rates, rate) for rate in shown)
        ruler[left], ruler[right], ruler[middle] = "[", "]", "^"
    return "".join(ruler)


def _column(rates: Sequence[float], rate: float) -> int:
    share = np.log(rate / rates[0]) / np.log(rates[-1] / rates[0])
    return int(np.clip(round(share * (_COLUMNS - 1)), 0, _COLUMNS - 1))


def drawn(test: Any, shown: Shown, ax: Any = None) -> Any:
    """The axes, with the losses of each seed, the smooth ramps, the runs at constant rates, the interval."""
    if ax is None:
        try:
            from matplotlib import pyplot  # noqa: PLC0415
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                'RangeTest.plot draws with matplotlib, which is missing: pip install "gradtx[cli]". '
                "print(result) needs no other package."
            ) from None
        ax = pyplot.gca()
    curves = _smooth(test)
    for number, (losses, curve) in enumerate(zip(filter(len, test.losses), curves, strict=True)):
        ax.plot(test.rates[: len(losses)], losses, color="tab:blue", alpha=0.15, linewidth=0.7)
        label = None if number else "while the rate rises"
        ax.plot(test.rates[: len(curve)], curve, color="tab:blue", linewidth=1.5, label=label)
    for number, ends in enumerate(test.sweep_losses):
        label = None if number else "at the end, at one rate"
        ax.plot(test.sweep_rates, ends, "o", color="tab:orange", markersize=4, label=label)
    if shown:
        low, rate, high = shown
        ax.axvspan(low, high, color="tab:orange", alpha=0.25, linewidth=0)
        ax.axvline(rate, color="tab:orange", label=f"suggested: {rate:g}")
    return _labelled(ax, *_limits(test, curves))


def _labelled(ax: Any, low: float, high: float) -> Any:
    ax.set_xscale("log")
    margin = 0.04 * (high - low)
    ax.set_ylim(low - margin, high + margin)
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    ax.legend(frameon=False, loc="upper left", fontsize="small")
    return ax


def _smooth(test: Any) -> list[Any]:
    return [smoothed(np.asarray(losses), len(test.rates)) for losses in test.losses if len(losses)]


def _limits(test: Any, curves: list[Any]) -> tuple[float, float]:
    """The losses between which the curves are shown: the least one, and a little more than the first."""
    if not curves:
        return 0.0, 1.0
    low = float(min(np.min(losses) for losses in [*curves, *test.sweep_losses]))
    first = float(max(curve[0] for curve in curves))
    fall = first - low
    return low, first + (_ABOVE * fall if fall > 1e-6 * abs(low) else max(abs(low), 1.0))

"""Drawing with matplotlib, which is imported when something is drawn."""

from typing import Any

import numpy as np


def axes_of(ax: Any, who: str, instead: str) -> Any:
    """The axes in which to draw: those that are given, or the current ones of pyplot.

    Args:
      ax: the axes, or `None`.
      who: the name of the method, for the error.
      instead: an expression that needs no other package.

    Raises:
      ModuleNotFoundError: where matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f'{who} draws with matplotlib, which is missing: pip install "gradtx[cli]". '
            f"{instead} needs no other package."
        ) from None
    return pyplot.gca()


def draw_lines(ax: Any, x: Any, values: Any, **line: Any) -> None:
    """A line for each member; the legend has their label once.

    Args:
      ax: the axes.
      x: the numbers below, shape `(n,)`.
      values: the numbers of each member, shape `(members, n)`.
      **line: properties of the lines.
    """
    line = {"alpha": 1.0 if len(values) == 1 else 0.6, "linewidth": 1.2} | line
    for own in values:
        ax.plot(x, own, **line)
        line["label"] = None


def draw_band(ax: Any, x: Any, values: Any, **line: Any) -> None:
    """The mean over the seeds as a line, with the range of the seeds as a band.

    Args:
      ax: the axes.
      x: the numbers below, shape `(n,)`.
      values: the numbers of each seed, shape `(seeds, n)`; those that are not finite are left out.
      **line: properties of the line.
    """
    values = np.asarray(values, float)
    finite = np.isfinite(values).all(0)
    x, values = np.asarray(x)[finite], values[:, finite]
    line = {"marker": "o" if len(x) <= 32 else None, "markersize": 3} | line
    (mean,) = ax.plot(x, values.mean(0), **line)
    if len(values) > 1:
        ax.fill_between(x, values.min(0), values.max(0), color=mean.get_color(), alpha=0.2, linewidth=0)


def use_log(ax: Any, axis: str, numbers: Any) -> None:
    """A logarithmic axis, where the numbers are positive and span more than a factor of ten."""
    known = np.asarray(numbers, float)
    known = known[np.isfinite(known)]
    if known.size and known.min() > 0 and known.max() > 10 * known.min():
        getattr(ax, f"set_{axis}scale")("log")

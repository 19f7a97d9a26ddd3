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


def draw_curves(ax: Any, steps: Any, values: Any, name: str) -> None:
    """A line over the steps for each member, on a logarithmic axis where all numbers are positive."""
    lines = np.asarray(values).reshape(-1, len(steps))
    for line in lines:
        ax.plot(steps, line, alpha=1.0 if len(lines) == 1 else 0.6, linewidth=1.2)
    ax.set_xlabel("step")
    ax.set_ylabel(name)
    use_log(ax, "y", lines)


def draw_band(ax: Any, x: Any, values: Any, label: str) -> None:
    """The mean over the seeds as a line, with the range of the seeds as a band.

    Args:
      ax: the axes.
      x: the numbers below, shape `(n,)`.
      values: the numbers of each seed, shape `(seeds, n)`; those that are not finite are left out.
      label: the name in the legend.
    """
    values = np.asarray(values, float)
    finite = np.isfinite(values).all(0)
    x, values = np.asarray(x)[finite], values[:, finite]
    (line,) = ax.plot(x, values.mean(0), marker="o" if len(x) <= 32 else None, markersize=3, label=label)
    if len(values) > 1:
        ax.fill_between(x, values.min(0), values.max(0), color=line.get_color(), alpha=0.2, linewidth=0)


def use_log(ax: Any, axis: str, numbers: Any) -> None:
    """A logarithmic axis, where the numbers are positive and span more than a factor of ten."""
    known = np.asarray(numbers, float)
    known = known[np.isfinite(known)]
    if known.size and known.min() > 0 and known.max() > 10 * known.min():
        getattr(ax, f"set_{axis}scale")("log")

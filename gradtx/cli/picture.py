"""The picture of a run: its losses, and its learning rate below them."""

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gradtx.cli.training import Record


def write_picture(record: Record, title: str, path: Path) -> None:
    """Draws the curves of a run into a PNG file."""
    # A figure without pyplot needs no display and changes no global state.
    figure = Figure(figsize=(8, 6), dpi=150, layout="constrained")
    figure.suptitle(title)
    losses, rate = figure.subplots(2, sharex=True, height_ratios=[2.5, 1])
    _draw_losses(losses, record)
    _draw_rate(rate, record)
    for axes in (losses, rate):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.margins(x=0.01)
    figure.savefig(path)


def _draw_losses(axes: Axes, record: Record) -> None:
    steps = np.arange(1, len(record.loss) + 1)
    axes.plot(steps, record.loss, color="tab:blue", alpha=0.25, linewidth=0.8, label="training, one batch")
    known = [loss for loss in record.loss if math.isfinite(loss)]  # all of them, or all but the last one
    axes.plot(
        steps[: len(known)], smoothed(known), color="tab:blue", linewidth=1.8, label="training, averaged"
    )
    if record.validation:
        axes.plot(*zip(*record.validation, strict=True), "o", color="tab:orange", label="validation")
    axes.set_ylabel("loss (nats a character)")
    axes.legend(frameon=False)


def _draw_rate(axes: Axes, record: Record) -> None:
    steps = np.arange(1, len(record.loss) + 1)
    axes.plot(steps, record.learning_rate, color="tab:green", linewidth=1.8)
    axes.set_ylabel("learning rate")
    axes.set_xlabel("step")
    axes.ticklabel_format(axis="y", scilimits=(-2, 3))


def smoothed(values: list[float]) -> NDArray[np.float64]:
    """The mean of each value and its neighbours, up to a fortieth of all values on either side.

    At the beginning, where a loss falls fast, the later side has no more neighbours than the earlier one.
    """
    index = np.arange(len(values))
    reach = np.minimum(len(values) // 40, index)
    begin, end = index - reach, np.minimum(index + reach + 1, len(values))
    sums = np.cumsum([0.0, *values])
    return (sums[end] - sums[begin]) / (end - begin)

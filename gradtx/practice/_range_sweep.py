"""Short runs at constant rates around the least loss of a ramp, and the rate at which they end lowest."""

from collections.abc import Sequence
from typing import Any

import numpy as np

SPACING = 0.5  # decades
_OFFSETS = SPACING * np.arange(-4, 3)  # decades from the least loss of the ramp, which moves to higher rates
_END = 10  # the last tenth of the steps shows where a run ends
_MOST = 4.0  # the largest ratio of the two sides of the parabola


def sweep_rates(least: float, low: float, high: float) -> list[float]:
    """Log-spaced rates from a hundredth of `least`, the rate at the least loss, to ten times it.

    Those below `low` and above `high` are left out.
    """
    rates = least * 10.0**_OFFSETS
    return [float(f"{rate:.3g}") for rate in rates if low <= rate <= high]


def end_of(losses: Any) -> list[float]:
    """The mean loss over the last steps of each run, infinite for a run with a loss that is not finite."""
    ends = np.mean(losses[:, -max(losses.shape[1] // _END, 1) :], axis=1)
    return np.where(np.isfinite(losses).all(axis=1), ends, np.inf).tolist()


def lowest(rates: Sequence[float], ends: Sequence[float]) -> float:
    """The rate at the vertex of a parabola through the least of the losses and its neighbors, over the log.

    The rise to one neighbor counts as at most four times the rise to the other one: a run that diverges says
    on which side of the vertex it lies, and not how far.
    """
    place = int(np.argmin(ends))
    if place in (0, len(rates) - 1):
        return rates[place]
    left, right = (ends[place + side] - ends[place] for side in (-1, 1))
    least = min(left, right)
    if not 0.0 < least < np.inf:
        return rates[place]
    left, right = min(left, _MOST * least), min(right, _MOST * least)
    shift = 0.5 * SPACING * (left - right) / (left + right)
    return float(rates[place] * 10.0**shift)

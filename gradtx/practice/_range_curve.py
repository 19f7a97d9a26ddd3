"""The curve of a range test: its smooth form, the fall of the loss, and the rate that each rule reads off."""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_BEGINNING = 10  # the first tenth of the steps shows the loss and its noise before anything moves
_WIDTH = 40  # the kernel of the smoothing has a standard deviation of a fortieth of the steps


class Fall(NamedTuple):
    """The part of a smooth curve up to its least loss: logs of rates, and losses."""

    log_rates: Any
    losses: Any


def smoothed(losses: Any, steps: int) -> Any:
    """Each loss averaged with its neighbors, by a normal density with a deviation of `steps / 40` steps.

    The average looks to both sides, so that it does not lag. A large loss counts as far above the first ones
    as the least loss is below them: an explosion has no effect on the losses long before it.
    """
    start, reach = _start(losses, steps), steps // _BEGINNING  # four deviations
    capped = np.minimum(losses, start + (start - losses.min()))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (steps / _WIDTH)) ** 2)
    sums, weights = (np.convolve(values, kernel) for values in (capped, np.ones(len(losses))))
    return (sums / weights)[reach : reach + len(losses)]


def fall_of(rates: Any, losses: Any) -> Fall | str:
    """The fall of the loss on the way to its least value, or the reason why there is none.

    Args:
      rates: the learning rate of each step, log-spaced.
      losses: the losses, which end before the first that is not finite.
    """
    steps, first = len(rates), len(rates) // _BEGINNING
    if len(losses) <= first:
        number = rates[len(losses)]
        return f"the loss is not finite from the rate {number:.2g} on. Lower `low`, and look at the loss"
    start = _start(losses, steps)
    noise = float(np.std(np.diff(losses[: max(first, 8)])) / np.sqrt(2))  # without the trend
    smooth = smoothed(losses, steps)
    risen = np.flatnonzero(smooth > start + 0.5 * (start - losses.min()))
    risen = risen[risen >= first]
    smooth = smooth[: risen[0]] if risen.size else smooth
    least = int(smooth.argmin())
    # The kernel averages about 3.5 deviations of steps. Losses in float32 have about seven digits.
    doubt = 4 * noise / np.sqrt(max(3.5 * steps / _WIDTH, 1.0)) + 1e-6 * abs(start)
    if start - smooth[least] <= doubt:
        return "the loss does not fall. Lower `low`, take more `steps`, and look at the loss"
    if least < first:
        return "the loss has its least value near the lowest rate. Lower `low`"
    if least >= steps - 1 - steps // _WIDTH:
        return "the loss still falls at the highest rate. Raise `high`"
    return Fall(np.log(rates[: least + 1]), smooth[: least + 1])


def _start(losses: Any, steps: int) -> float:
    return float(np.median(losses[: max(steps // _BEGINNING, 1)]))


def tenth_of_least(fall: Fall) -> float:
    """A tenth of the rate at the least loss."""
    return float(np.exp(fall.log_rates[-1])) / 10


def steepest(fall: Fall) -> float:
    """The rate at which the loss falls fastest over the log of the rate."""
    return float(np.exp(fall.log_rates[np.gradient(fall.losses, fall.log_rates).argmin()]))


def valley(fall: Fall) -> float:
    """The middle, on the axis of the log of the rate, of the longest decreasing subsequence of losses."""
    places = longest_decreasing(fall.losses)
    return float(np.exp((fall.log_rates[places[0]] + fall.log_rates[places[-1]]) / 2))


RULES: dict[str, Callable[[Fall], float]] = {
    "min/10": tenth_of_least,
    "steepest": steepest,
    "valley": valley,
}


def longest_decreasing(values: Any) -> list[int]:
    """The places of a longest strictly decreasing subsequence, in order."""
    ends: list[float] = []  # the least negative end of a subsequence of each length
    places: list[int] = []
    before: list[int] = []
    for place, value in enumerate(-np.asarray(values)):
        length = bisect_left(ends, value)
        ends[length:] = [value, *ends[length + 1 :]]
        places[length:] = [place, *places[length + 1 :]]
        before.append(places[length - 1] if length else -1)
    chain = [places[-1]]
    while before[chain[-1]] >= 0:
        chain.append(before[chain[-1]])
    return chain[::-1]

"""The result of a range test: a value that prints, plots, suggests a rate, and has the tuned optimizer."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradtx.core import GradientTransformation
from gradtx.practice._range_curve import RULES, Fall, fall_of
from gradtx.practice._range_plot import drawn, text_plot
from gradtx.practice._range_sweep import lowest
from gradtx.practice._rates import rates_of, scaled_to
from gradtx.tree import did_you_mean

DEFAULT = "sweep"


class NoIntervalError(ValueError):
    """The curves of a range test give no learning rate; the message says why."""

    __module__ = "gradtx.practice"  # tracebacks and pickles name no file


@dataclass(frozen=True, repr=False)
class RangeTest:
    """The result of `lr_range_test`: the losses while the learning rate rises, and at constant rates.

    It prints as a plot of text with the interval. It compares and hashes by its contents.

    Args:
      tx: the optimizer that was tested, unchanged.
      rates: the learning rate of each step of the ramp.
      losses: for each seed, the loss before each step of the ramp, up to the first that is not finite.
      sweep_rates: the rates of the runs at constant rates; none where the ramp has no answer.
      sweep_losses: for each seed, the loss at the end of the run at each of these rates, infinite for a run
        that diverged.
    """

    __module__ = "gradtx.practice"

    tx: GradientTransformation
    rates: tuple[float, ...]
    losses: tuple[tuple[float, ...], ...]
    sweep_rates: tuple[float, ...] = ()
    sweep_losses: tuple[tuple[float, ...], ...] = ()

    def suggest(self, rule: str = DEFAULT) -> float:
        """The learning rate that a rule reads off the losses: the median over the seeds, to two digits.

        Args:
          rule: `"sweep"`, the rate at which the runs at constant rates end lowest, between two of these
            rates by a parabola. The others read the ramp: `"min/10"`, a tenth of the rate at the least loss;
            `"steepest"`, the rate at which the loss falls fastest over the log of the rate; `"valley"`, the
            middle of the longest decreasing subsequence of losses, on the axis of the log of the rate.

        Raises:
          NoIntervalError: where half of the seeds or more give no rate, with the reason.
          ValueError: for an unknown rule.
        """
        return float(f"{np.exp(np.median(np.log(self._found(rule)))):.2g}")

    def interval(self, rule: str = DEFAULT) -> tuple[float, float]:
        """The least and the greatest rate that a rule reads off the losses of the seeds, to two digits.

        Args:
          rule: as in `suggest`.

        Raises:
          NoIntervalError, ValueError: as `suggest`.
        """
        found = self._found(rule)
        return float(f"{min(found):.2g}"), float(f"{max(found):.2g}")

    @property
    def optimizer(self) -> GradientTransformation:
        """`tx` with the learning rate of `suggest()`.

        A number is replaced. A schedule is multiplied by a number, so that its largest value is this rate.
        Of several rates the largest one is this rate, and the others follow in proportion.

        Raises:
          NoIntervalError: where `suggest` has no answer.
        """
        return scaled_to(self.tx, rates_of(self.tx), self.suggest())

    def plot(self, ax: Any = None) -> Any:
        """Draws the losses over the rates with matplotlib, with the interval, and returns the axes.

        Args:
          ax: the axes in which to draw; by default the current ones of pyplot.

        Raises:
          ModuleNotFoundError: where matplotlib is not installed.
        """
        ax = drawn(self, self._shown(), ax)
        if self._shown() is None:
            ax.set_title(self._answer(), wrap=True, fontsize="small")
        return ax

    def __str__(self) -> str:
        return f"{text_plot(self, self._shown())}\n{self._answer()}"

    __repr__ = __str__

    @cached_property
    def falls(self) -> tuple[Fall | str, ...]:
        """For each seed the fall of the loss in the ramp, or the reason why there is none."""
        return tuple(fall_of(np.asarray(self.rates), np.asarray(losses)) for losses in self.losses)

    @property
    def least(self) -> float | None:
        """The rate at the least loss of the ramp, the median over the seeds; `None` without."""
        found = [fall.log_rates[-1] for fall in self.falls if not isinstance(fall, str)]
        return float(np.exp(np.median(found))) if 2 * len(found) > len(self.falls) else None

    def _found(self, rule: str) -> list[float]:
        known = ("sweep", *RULES)
        if rule not in known:
            question = did_you_mean(str(rule), known)
            raise ValueError(f"RangeTest: rule must be one of {', '.join(known)}, got {rule!r}.{question}")
        if self.least is None:
            ((reason, number),) = Counter(fall for fall in self.falls if isinstance(fall, str)).most_common(1)
            raise NoIntervalError(f"No learning rate in {number} of {len(self.falls)} seeds: {reason}.")
        if rule == "sweep":
            return [lowest(self.sweep_rates, ends) for ends in self.sweep_losses]
        return [RULES[rule](fall) for fall in self.falls if not isinstance(fall, str)]

    def _shown(self) -> tuple[float, float, float] | None:
        """The interval with the suggestion in it, if there are any."""
        if self.least is None:
            return None
        low, high = self.interval()
        return low, self.suggest(), high

    def _answer(self) -> str:
        rates = rates_of(self.tx)
        try:
            rate, (low, high), seeds = self.suggest(), self.interval(), len(self._found(DEFAULT))
        except NoIntervalError as error:
            return str(error)
        largest = "largest learning rate" if rates.differ else "learning rate"
        factor = f", {rate / rates.reference:.3g} times the rates of tx" if rates.differ else ""
        return f"{largest} {rate:g}, {low:g} to {high:g} over {seeds} seed{'s' * (seeds > 1)}{factor}"

"""The result of a comparison: a table, a test and a picture."""

from typing import Any, NamedTuple

import numpy as np

from gradtx.core import Findings, Table
from gradtx.practice._history import History
from gradtx.practice._plots import axes_of, draw_band, use_log
from gradtx.practice._scores import cell, standard_error
from gradtx.practice._sweep import Sweep
from gradtx.practice._tables import number
from gradtx.practice._welch import welch


class Entry(NamedTuple):
    """An optimizer of a comparison: its best member, and how that trained.

    The fields are the sweep; the index of its best member; the history of all members, with the axes
    `(members, seeds)`; the final loss of the best member with each seed; the steps that it takes to the
    target with each seed, infinity if it does not reach it; the bytes of its state; and the seconds of a
    step.
    """

    sweep: Sweep
    best_index: int
    history: History
    final: Any
    steps: Any
    bytes: int
    seconds: float

    @property
    def optimizer(self) -> Any:
        """The best member."""
        return self.sweep[self.best_index]

    @property
    def setting(self) -> dict[str, Any]:
        """The numbers of the best member, by name."""
        return self.sweep.settings[self.best_index]


class Comparison(NamedTuple):
    """The entries of a comparison by name, and the target.

    It prints as a table; `table` says what its columns are.
    """

    entries: dict[str, Entry]
    target: float | None

    def table(self) -> Table:
        r"""A row for each entry, in order of the mean final loss.

        The columns are the numbers of the best member; the mean of its final loss over the seeds and the
        standard error of this mean; with a target, the mean number of steps to it, its ratio to that of the
        first entry, and the probability $p$ of a difference as large as this one, if both took the same
        number of steps (`p_value`); the time of a step of one member; and the bytes of its state.
        """
        ranked = sorted(self.entries, key=lambda name: mean_of(self.entries[name].final))
        rows = [(name, *self._cells(name)) for name in ranked]
        steps = () if self.target is None else (f"steps to {self.target:.4g}", "ratio", "p")
        columns = ("optimizer", "best", "loss", "s.e.", *steps, "ms/step", "state")
        found = [
            finding._replace(path=name)
            for name, entry in self.entries.items()
            for finding in entry.sweep.warnings(entry.best_index)
        ]
        return Table(columns, rows, right=columns[2:], below=(Findings(found),))

    def p_value(self, name: str) -> float | None:
        r"""The two-sided p-value of Welch's test of the steps to the target, against the first entry.

        $$t = \frac{\bar a - \bar b}{\sqrt{v_a + v_b}}, \qquad v = \frac{\max(s^2, h^2 / 12)}{n}, \qquad
        \nu = \frac{(v_a + v_b)^2}{v_a^2 / (n_a - 1) + v_b^2 / (n_b - 1)}$$

        with the means and variances $s^2$ over $n$ seeds. Steps are known to within $h$, the steps between
        two records, so that a variance is at least that of the rounding, $h^2 / 12$. $p$ is the probability
        of $|t|$ or more under Student's distribution with $\nu$ degrees of freedom. The seeds are those of
        both entries; where this correlates them, the test is conservative. The best member was chosen with
        the same seeds, so that a small $p$ among many entries wants new seeds.

        Args:
          name: the name of the entry.

        Returns:
          The p-value; `None` for the first entry, without a target, with one seed, and where a run does not
          reach the target.

        **Reference**: Welch (1947), *The generalization of 'Student's' problem when several different
        population variances are involved*, Biometrika 34.
        """
        first = next(iter(self.entries))
        if name == first or self.target is None:
            return None
        history = self.entries[first].history
        interval = history.interval(history.judged)
        return welch(self.entries[first].steps, self.entries[name].steps, interval)

    def _cells(self, name: str) -> tuple[str, ...]:
        entry = self.entries[name]
        setting = ", ".join(f"{key} {cell(value)}" for key, value in entry.setting.items())
        error = standard_error(entry.final) if len(entry.final) > 1 else None
        steps = () if self.target is None else self._steps(name)
        time_and_bytes = f"{1000 * entry.seconds:.3g}", f"{entry.bytes} B"
        return (setting, number(mean_of(entry.final)), number(error), *steps, *time_and_bytes)

    def _steps(self, name: str) -> tuple[str, str, str]:
        entry, first = self.entries[name], next(iter(self.entries.values()))
        reached = int(np.isfinite(entry.steps).sum())
        if reached < len(entry.steps):
            return f"{reached} of {len(entry.steps)} reach it", "", ""
        mean = float(entry.steps.mean())
        ratio = number(mean / first.steps.mean()) if np.isfinite(first.steps).all() else ""
        return number(mean), ratio, number(self.p_value(name))

    def plot(self, name: str | None = None, ax: Any = None) -> Any:
        """Draws the loss of each best member over the steps with matplotlib, and returns the axes.

        A line is the mean over the seeds, its band their range.

        Args:
          name: the series of the history; by default the validation, or the loss.
          ax: the axes in which to draw; by default the current ones of pyplot.

        Raises:
          ModuleNotFoundError: where matplotlib is not installed.
        """
        ax = axes_of(ax, "Comparison.plot", "table()")
        for label, entry in self.entries.items():
            best = entry.history.member(entry.best_index)
            series = best.judged if name is None else name
            draw_band(ax, best.steps(series), best[series], label=label)
            ax.set_ylabel(series)
        if self.target is not None:
            ax.axhline(self.target, color="grey", linewidth=0.8, linestyle="--")
        ax.set_xlabel("step")
        ax.legend(frameon=False)
        use_log(ax, "y", [line.get_ydata() for line in ax.lines[: len(self.entries)]])
        return ax

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def mean_of(final: Any) -> float:
    """The mean over the seeds, infinity where one diverged."""
    return float(np.where(np.isfinite(final), final, np.inf).mean())

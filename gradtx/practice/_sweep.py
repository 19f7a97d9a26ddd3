"""Sweeps: the optimizers of a grid of numbers as one value."""

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradtx.core import (
    Findings,
    GradientTransformation,
    Table,
    Value,
    as_transformation,
    member,
    nested,
    stack,
    static,
)
from gradtx.practice._grids import HOW, grid_of, is_number, made, require_numbers, rows_of
from gradtx.practice._history import History
from gradtx.practice._plots import axes_of, draw_band, use_log
from gradtx.practice._scores import at_an_end, cell, judged, lines_of
from gradtx.tree import members, spelled


class Sweep(Value):
    """The optimizers of a grid, as `sweep` makes them: a value with a length, members and their stack.

    `len(s)` is the number of members, `s[i]` one of them, and a loop goes over all. `train` trains them as
    one program. `table`, `best` and `plot` read the history that it returns, or any array of losses with an
    axis of members and, after it, one of seeds.

    >>> import gradtx, jax.numpy as jnp
    >>> s = sweep(gradtx.sgd(0.1), learning_rate=[0.01, 0.1, 1.0])
    >>> len(s), s[1] == gradtx.sgd(0.1)
    (3, True)
    >>> losses = jnp.array([[3.0, 5.0], [1.0, 2.0], [jnp.nan, 4.0]])  # of two seeds
    >>> s.table(losses)
    learning_rate  loss  s.e.  diverged
             0.01     4     1
              0.1   1.5   0.5            best
                1   nan          1 of 2
    >>> s.best(losses) == s[1]
    True
    """

    optimizer: GradientTransformation = nested(
        as_transformation, kind="a stack of optimizers", doc="the members as one stack"
    )
    axes: Any = static(doc="the name and the values of each number, as a tuple of pairs")
    how: str = static(default="product", choices=HOW, doc="whether the values are combined, or taken in turn")

    @property
    def settings(self) -> list[dict[str, Any]]:
        """The numbers of each member, by name."""
        return rows_of(self.axes, self.how)

    def __len__(self) -> int:
        return len(self.settings)

    def __getitem__(self, index: int) -> GradientTransformation:
        """The member with an index, as an optimizer."""
        return member(self.optimizer, operator.index(index))

    def __iter__(self) -> Iterator[GradientTransformation]:
        return (self[index] for index in range(len(self)))

    def expression(self) -> str:
        """The expression that makes it, for readers: long lists have their first and their last number."""
        grids = (f"{name}={_spelled(values)}" for name, values in self.axes)
        how = [f"how={self.how!r}"] if self.how != "product" else []
        return f"sweep({', '.join((spelled(self[0]), *how, *grids))})"

    def table(self, losses: Any, name: str | None = None) -> Table:
        """A row for each member: its numbers, the mean loss and its standard error, and diverged seeds.

        A mark stands at the best member. A finding below says where its number is the end of a list.

        Args:
          losses: the history of the members, or an array of losses.
          name: the series of the history; by default the validation, or the loss.
        """
        scores = scores_of(self, losses, name)
        best = None if not np.isfinite(scores.mean(1)).any() else self.best_index(losses, name)
        title = name or (losses.judged if isinstance(losses, History) else "loss")
        rows = [
            (*(cell(value) for value in setting.values()), *judged(own), "best" if index == best else "")
            for index, (setting, own) in enumerate(zip(self.settings, scores, strict=True))
        ]
        columns = (*self.settings[0], title, "s.e.", "diverged", "")
        below = () if best is None else (self.warnings(best),)
        return Table(columns, rows, right=columns[:-1], below=below)

    def best(self, losses: Any, name: str | None = None) -> GradientTransformation:
        """The member with the lowest mean loss over the seeds, none of which diverged.

        Args:
          losses: as in `table`.
          name: as in `table`.

        Raises:
          ValueError: where every member diverged.
        """
        return self[self.best_index(losses, name)]

    def best_index(self, losses: Any, name: str | None = None) -> int:
        """The index of the best member.

        Args:
          losses: as in `table`.
          name: as in `table`.

        Raises:
          ValueError: where every member diverged.
        """
        means = scores_of(self, losses, name).mean(1)
        if not np.isfinite(means).any():
            raise ValueError(
                f"No member has a finite loss: all {len(self)} diverged. Begin with smaller learning rates."
            )
        return int(np.where(np.isfinite(means), means, np.inf).argmin())

    def warnings(self, best: int) -> Findings:
        """A finding for each number of the best member that is the end of a list of three or more.

        Args:
          best: the index of the best member.
        """
        setting = self.settings[best]
        found = (at_an_end(name, setting[name], values) for name, values in self.axes)
        return Findings(finding for finding in found if finding)

    def plot(self, losses: Any, name: str | None = None, ax: Any = None) -> Any:
        """Draws the loss over the first number with matplotlib, and returns the axes.

        A line is the mean over the seeds, its band their range; there is one for each combination of the
        other numbers. Diverged members are left out.

        Args:
          losses: as in `table`.
          name: as in `table`.
          ax: the axes in which to draw; by default the current ones of pyplot.

        Raises:
          ModuleNotFoundError: where matplotlib is not installed.
          ValueError: where the first number is a schedule.
        """
        first = self.axes[0][0] if self.axes else "nothing"
        if not self.axes or not all(map(is_number, self.axes[0][1])):
            raise ValueError(f"Sweep.plot draws the loss over numbers, got {first}. table(losses) shows it.")
        ax = axes_of(ax, "Sweep.plot", "table(losses)")
        scores = scores_of(self, losses, name)
        together = {"": list(range(len(self)))}
        lines = together if self.how == "zip" else lines_of(self.settings, first)
        for label, indices in lines.items():
            x = np.array([self.settings[index][first] for index in indices])
            order = np.argsort(x)
            draw_band(ax, x[order], scores[np.array(indices)[order]].T, label=label)
        ax.set_xlabel(first)
        ax.set_ylabel(name or (losses.judged if isinstance(losses, History) else "loss"))
        use_log(ax, "x", self.axes[0][1])
        if len(self.axes) > 1 and self.how == "product":
            ax.legend(frameon=False)
        return ax


def sweep(tx: Any, /, *, how: str = "product", **values: Any) -> Sweep:
    """The optimizers of a grid: `tx` with each combination of the given numbers, by `replace`.

    Each name is a field of `tx`, at any depth, of a rule, a wrapper or a schedule: `learning_rate`, `b2`,
    `peak_value`, or the end of a path. As in `replace`, a number in the place of a whole schedule becomes a
    `constant_schedule`; the numbers of the schedule have names of their own. The bounds of every member are
    checked.

    Args:
      tx: the optimizer. A function or a class that makes one may stand in its place: it is called with the
        numbers of each member, by name.
      how: `"product"` for all combinations, of which the last name varies fastest, or `"zip"` for the first
        values of all lists, the second ones, and so on.
      **values: a list of numbers for each name.

    Raises:
      NameLookupError: for a name that no field has, or more than one, with the nearest names.
      TypeError: for an option, such as a dtype, of which each value is another program.
      ValueError: for a number out of bounds, for lists of two lengths in a zip.

    >>> import gradtx
    >>> s = sweep(gradtx.adamw(1e-3), learning_rate=[1e-3, 1e-2], weight_decay=[0.0, 0.1])
    >>> [(own["learning_rate"], own["weight_decay"]) for own in s.settings]
    [(0.001, 0.0), (0.001, 0.1), (0.01, 0.0), (0.01, 0.1)]
    >>> s[3] == gradtx.adamw(1e-2, weight_decay=0.1)
    True
    """
    if not values:
        raise ValueError("sweep takes a list of numbers for each name, as in learning_rate=[1e-3, 1e-2].")
    require_numbers(tx, list(values))
    axes = tuple((name, grid_of(name, own)) for name, own in values.items())
    return Sweep(stack([made(tx, row) for row in rows_of(axes, how)]), axes, how)


def as_sweep(tx: Any) -> Sweep:
    """A sweep as it is; an optimizer as a sweep of one member."""
    return tx if isinstance(tx, Sweep) else Sweep(stack([tx]), ())


def scores_of(swept: Sweep, losses: Any, name: str | None = None) -> Any:
    """The loss of each member and seed, in float64, shape `(members, seeds)`.

    Raises:
      ValueError: for losses of another number of members.
    """
    scores = np.asarray(losses.final(name) if isinstance(losses, History) else losses, float)
    if scores.ndim not in (1, 2) or len(scores) != len(swept):
        raise ValueError(
            f"The losses of {len(swept)} members have the shape ({len(swept)},) or ({len(swept)}, seeds), "
            f"got {scores.shape}."
        )
    return scores.reshape(len(swept), -1)


def _spelled(values: Sequence[Any]) -> str:
    return members(np.array(values)) if all(map(is_number, values)) else spelled(tuple(values))

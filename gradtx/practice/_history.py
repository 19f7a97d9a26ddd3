"""The history of a training: arrays by name, as one value."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.core import Table, Value, nested, static
from gradtx.practice._files import Readable, from_csv, from_json, to_csv, to_json, written
from gradtx.practice._plots import axes_of, draw_band, draw_lines, use_log
from gradtx.practice._rows import from_rows
from gradtx.practice._tables import of_members, of_steps
from gradtx.tree import NameLookupError, did_you_mean, is_inexact, listed, widened

FIRST = ("loss", "validation")
"""The series that stand before the others, which follow by name."""


def _as_series(series: Any) -> dict[str, Array]:
    if not isinstance(series, Mapping) or not all(isinstance(name, str) for name in series):
        raise TypeError("the series are a dictionary from names to arrays.")
    arrays = {name: _as_numbers(values) for name, values in series.items()}
    if not arrays:
        raise ValueError("there is no series.")
    if short := [name for name, array in arrays.items() if array.ndim == 0]:
        raise ValueError(f"{short[0]!r} has no axis of records.")
    members = list(dict.fromkeys(array.shape[:-1] for array in arrays.values()))
    if len(members) > 1:
        raise ValueError(f"the axes before that of the records differ: {members[0]} and {members[1]}.")
    return arrays


def _as_numbers(values: Any) -> Array:
    """Booleans as integers, and floats of 16 bits as those of 32."""
    array = jnp.asarray(values)
    if jnp.issubdtype(array.dtype, jnp.bool_):
        return array.astype(jnp.int32)
    return array.astype(widened(array.dtype)) if is_inexact(array) else array


class History(Value):
    """The numbers of a training by name, each an array with a record at every step, or at every k-th one.

    It is a value and a pytree of arrays: `jax.vmap` of a training returns one history with an axis of
    members. It prints as a table.

    >>> import jax.numpy as jnp
    >>> history = History({"loss": jnp.array([4.0, 2.0, 1.0, 0.5]), "validation": jnp.array([2.5, 1.0])},
    ...                   every={"validation": 2})
    >>> history
    step  loss  validation
       1     4
       2     2         2.5
       3     1
       4   0.5           1
    >>> history.steps("validation"), float(history.final("loss", share=0.5))
    (array([2, 4]), 0.75)
    """

    series: Any = nested(
        _as_series,
        kind="a dictionary of arrays",
        doc="the arrays by name; the last axis is that of the records, those before it are axes of members",
    )
    every: Any = static(
        default=(),
        convert=lambda every: tuple(sorted(dict(every).items())),
        doc="the number of steps from one record of a series to the next, by name; 1 for those left out",
    )

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> "History":
        """The history of a loop that keeps a dictionary of numbers for each step, such as `metrics(state)`.

        Args:
          rows: the dictionaries, alike in their names. A nested one has its names joined by dots.

        Raises:
          ValueError: for no row, and for rows that differ in their names.

        >>> History.of_rows([{"loss": 2.0, "norm": {"a": 1.0}}, {"loss": 1.5, "norm": {"a": 3.0}}])
        step  loss  norm.a
           1     2       1
           2   1.5       3
        """
        return cls(from_rows(rows))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the series."""
        first = [name for name in FIRST if name in self.series]
        return (*first, *sorted(set(self.series) - set(first)))

    @property
    def members(self) -> tuple[int, ...]:
        """The lengths of the axes of members; `()` for the history of one training."""
        return next(iter(self.series.values())).shape[:-1]

    def __getitem__(self, name: str) -> Array:
        """The series with a name."""
        if name not in self.series:
            question = did_you_mean(name, self.series)
            raise NameLookupError(
                f"The history has no series {name!r}.{question} It has {listed(self.names)}."
            )
        return self.series[name]

    def interval(self, name: str) -> int:
        """The number of steps from one record of a series to the next."""
        return dict(self.every).get(name, 1)

    def steps(self, name: str) -> Any:
        """The number of steps before each record of a series."""
        return self.interval(name) * np.arange(1, self[name].shape[-1] + 1)

    def member(self, *index: Any) -> "History":
        """The history of one member, or of those that an index selects.

        Args:
          *index: an index for each axis of members, or for the first ones.

        >>> import jax.numpy as jnp
        >>> History({"loss": jnp.array([[4.0, 2.0], [3.0, 1.0]])}).member(1)["loss"]
        Array([3., 1.], dtype=float32)
        """
        return jax.tree.map(lambda values: values[index], self)

    def final(self, name: str | None = None, share: float = 0.1) -> Array:
        """The mean of the last records of a series, one number for each member.

        Args:
          name: the series; by default the validation, or the loss where there is none. Of a validation the
            last record counts alone.
          share: the share of the records that are averaged, at least one record.
        """
        name = self.judged if name is None else name
        count = self[name].shape[-1]
        last = 1 if name == "validation" else max(1, round(share * count))
        return self[name][..., count - last :].mean(-1)

    @property
    def judged(self) -> str:
        """The series by which members are compared: the validation, or the loss where there is none."""
        return "validation" if "validation" in self.series else "loss"

    def steps_to(self, target: float, name: str | None = None, window: int = 1) -> Array:
        """The steps to the first record at which a series is at most `target`; infinity where none is.

        Args:
          target: the number to reach.
          name: the series; by default as in `final`.
          window: the number of records, up to this one, of which the mean counts.

        >>> import jax.numpy as jnp
        >>> history = History({"loss": jnp.array([4.0, 1.0, 3.0, 1.0, 0.5])})
        >>> float(history.steps_to(1.0)), float(history.steps_to(1.0, window=2))
        (2.0, 5.0)
        """
        name = self.judged if name is None else name
        reached = jnp.asarray(self._means(name, window) <= target)
        steps = (jnp.argmax(reached, -1) + window) * self.interval(name)
        return jnp.where(reached.any(-1), steps.astype(float), jnp.inf)

    def _means(self, name: str, window: int) -> Any:
        """The mean of each record and of the `window - 1` before it."""
        values = self[name]
        count = values.shape[-1] - window + 1
        return sum(values[..., first : first + count] for first in range(window)) / window

    def table(self, rows: int = 11) -> Table:
        """The numbers at steps at equal distances, or, for several members, a row for each with its end.

        Args:
          rows: the largest number of rows for one training.
        """
        return of_members(self) if self.members else of_steps(self, rows)

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def plot(
        self, name: str | None = None, ax: Any = None, *, window: int = 1, band: bool = False, **line: Any
    ) -> Any:
        """Draws a series over the steps with matplotlib, a line for each member, and returns the axes.

        The axis is logarithmic where all numbers are positive and span more than a factor of ten.

        Args:
          name: the series; by default the loss, or the first one.
          ax: the axes in which to draw; by default the current ones of pyplot.
          window: the number of records, up to each one, whose mean is drawn.
          band: whether the mean over the members is drawn, with their range as a band, in place of a line
            for each.
          **line: properties of the lines, such as `label` and `color`, as those of matplotlib's `plot`.

        Raises:
          ModuleNotFoundError: where matplotlib is not installed.
        """
        name = self.names[0] if name is None else name
        ax = axes_of(ax, "history.plot", "history.table()")
        steps = self.steps(name)[window - 1 :]
        values = np.asarray(self._means(name, window)).reshape(-1, len(steps))
        (draw_band if band else draw_lines)(ax, steps, values, **line)
        ax.set_xlabel("step")
        ax.set_ylabel(name)
        use_log(ax, "y", values)
        return ax

    def to_csv(self, path: str | Path | None = None) -> str:
        """The history as CSV: a line for each step, and an empty cell for each number that is not recorded.

        Args:
          path: the file to write; by default none is written.

        Returns:
          The text.
        """
        return written(to_csv(self.series, self.names, self.steps), path)

    @classmethod
    def from_csv(cls, source: Readable) -> "History":
        """The history in a CSV file. Numbers with a point become floats of the default dtype.

        Args:
          source: the path of the file, or an open file.

        Raises:
          ValueError: for a file without a column `step`, or with lines that are no history.

        >>> import io, jax.numpy as jnp
        >>> history = History({"loss": jnp.array([0.1, jnp.inf])})
        >>> print(history.to_csv(), end="")
        step,loss
        1,0.1
        2,inf
        >>> History.from_csv(io.StringIO(history.to_csv())) == history
        True
        """
        return cls(*from_csv(source))

    def to_json(self, path: str | Path | None = None) -> str:
        """The history as JSON. Numbers that are not finite are strings, which JSON has no numbers for.

        Args:
          path: the file to write; by default none is written.

        Returns:
          The text.
        """
        return written(to_json(self.series, self.names, self.interval), path)

    @classmethod
    def from_json(cls, source: Readable) -> "History":
        """The history in a JSON file.

        Args:
          source: the path of the file, or an open file.

        Raises:
          ValueError: for a file that is no history.
        """
        return cls(*from_json(source))

"""Series of numbers as CSV and JSON, and back."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import jax.numpy as jnp
import numpy as np

Readable = str | Path | IO[str]
"""The path of a file, or an open file."""

Series = Mapping[str, Any]


def written(text: str, path: str | Path | None) -> str:
    """The text, which is also written to a file where there is a path."""
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def _read(source: Readable) -> str:
    return Path(source).read_text(encoding="utf-8") if isinstance(source, str | Path) else source.read()


def to_csv(series: Series, names: Sequence[str], steps: Callable[[str], Any]) -> str:
    """A line for each step of each member; the axes of members are the first columns."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    arrays = {name: np.asarray(series[name]) for name in names}
    members = next(iter(arrays.values())).shape[:-1]
    lines.writerow((*_axes(len(members)), "step", *names))
    for member in np.ndindex(*members):
        cells = {
            name: dict(zip(steps(name).tolist(), map(str, arrays[name][member]), strict=True))
            for name in names
        }
        for step in sorted(set().union(*cells.values())):
            lines.writerow((*member, step, *(cells[name].get(step, "") for name in names)))
    return text.getvalue()


def _axes(count: int) -> list[str]:
    """The titles of the columns with the indices of a member."""
    return ["member" if axis == 0 else f"member{axis + 1}" for axis in range(count)]


def from_csv(source: Readable) -> tuple[dict[str, Any], dict[str, int]]:
    """The series and the steps from one record to the next, by name.

    Raises:
      ValueError: for a text that is no history.
    """
    header, *lines = list(csv.reader(io.StringIO(_read(source)))) or [[]]
    if "step" not in header or not lines:
        raise ValueError(f"A history in CSV has a column 'step' and a line for each step, got {header[:8]}.")
    if wrong := [line for line in lines if len(line) != len(header)]:
        raise ValueError(
            f"A history in CSV has {len(header)} cells a line, got one of {len(wrong[0])}: {wrong[0][:4]}."
        )
    place = header.index("step")
    columns = list(zip(*lines, strict=True))
    shape = tuple(1 + max(map(int, column)) for column in columns[:place])
    series: dict[str, Any] = {}
    every: dict[str, int] = {}
    for name, column in zip(header[place + 1 :], columns[place + 1 :], strict=True):
        kept = [index for index, cell in enumerate(column) if cell]
        series[name] = _parsed([column[index] for index in kept]).reshape(*shape, -1)
        every[name] = int(columns[place][kept[0]]) if kept else 1
    return series, {name: interval for name, interval in every.items() if interval > 1}


def _parsed(cells: Sequence[str]) -> Any:
    whole = all(cell.lstrip("-").isdigit() for cell in cells)
    return jnp.asarray(np.array(cells, dtype=np.int64 if whole else jnp.result_type(float)))


def to_json(series: Series, names: Sequence[str], interval: Callable[[str], int]) -> str:
    """An object with the dtype, the interval and the numbers of each series."""
    records = {
        name: {
            "dtype": np.asarray(series[name]).dtype.name,
            "every": interval(name),
            "values": _plain(np.asarray(series[name])),
        }
        for name in names
    }
    return json.dumps({"series": records}, indent=1, allow_nan=False) + "\n"


def _plain(array: Any) -> Any:
    """Nested lists of numbers with the digits of their dtype."""
    if array.ndim:
        return [_plain(part) for part in array]
    if array.dtype.kind != "f":
        return int(array)
    return float(str(array)) if np.isfinite(array) else str(array)


def from_json(source: Readable) -> tuple[dict[str, Any], dict[str, int]]:
    """The series and the steps from one record to the next, by name.

    Raises:
      ValueError: for a text that is no history.
    """
    try:
        records = json.loads(_read(source))["series"]
        series = {name: _array(record) for name, record in records.items()}
        every = {name: record["every"] for name, record in records.items() if record["every"] > 1}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            "A history in JSON has a 'series' with the 'dtype', 'every' and 'values' of each name."
        ) from error
    return series, every


def _array(record: Mapping[str, Any]) -> Any:
    # Objects, since texts such as "inf" stand beside numbers; `astype` reads both.
    return jnp.asarray(np.array(record["values"], dtype=object).astype(np.dtype(record["dtype"])))

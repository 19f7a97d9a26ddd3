"""Histories: values that print, and that files give back bit by bit."""

import io
import json
import pickle
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx.practice import History

NUMBERS = jnp.array([0.1, 1e-8, 3.4e38, -0.0, 1.0, 1 / 3, 1e-45, 16777217.0], jnp.float32)
AWKWARD = jnp.array([jnp.nan, jnp.inf, -jnp.inf, 2.0])

HISTORIES = {
    "one": History(
        {"loss": NUMBERS, "validation": AWKWARD, "skipped": jnp.arange(8)}, every={"validation": 2}
    ),
    "members": History(
        {"loss": jnp.stack([NUMBERS, NUMBERS[::-1]]), "a,b": jnp.stack([AWKWARD[:2]] * 2)}, every={"a,b": 4}
    ),
    "seeds": History(
        {"loss": jax.random.normal(jax.random.key(0), (2, 3, 5)), "n": jnp.ones((2, 3, 5), bool)}
    ),
}


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("name", HISTORIES)
def test_files_give_a_history_back(name: str, kind: str, tmp_path: Path) -> None:
    history, path = HISTORIES[name], tmp_path / f"history.{kind}"
    text = getattr(history, f"to_{kind}")(path)
    read = getattr(History, f"from_{kind}")
    for source in (path, str(path), io.StringIO(text)):
        assert read(source) == history


def test_random_bits_come_back() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 2000, dtype=np.uint32)
    numbers = bits.view(np.float32)
    history = History({"loss": jnp.asarray(numbers[np.isfinite(numbers)])})
    for text, read in ((history.to_csv(), History.from_csv), (history.to_json(), History.from_json)):
        assert read(io.StringIO(text)) == history


def test_float64_comes_back() -> None:
    with jax.enable_x64(True):
        history = History({"loss": jnp.array([1 / 3, 1e-300])})
        assert History.from_csv(io.StringIO(history.to_csv())) == history
        assert History.from_json(io.StringIO(history.to_json())) == history


def test_a_csv_has_a_line_for_each_step_of_each_member() -> None:
    history = History(
        {"loss": jnp.array([[4.0, 2.0], [3.0, 1.0]]), "v": jnp.array([[0.5], [0.25]])}, {"v": 2}
    )
    lines = ["member,step,loss,v", "0,1,4.0,", "0,2,2.0,0.5", "1,1,3.0,", "1,2,1.0,0.25"]
    assert history.to_csv().splitlines() == lines
    assert HISTORIES["seeds"].to_csv().splitlines()[0] == "member,member2,step,loss,n"


def test_json_is_what_every_parser_reads() -> None:
    def refuse(word: str) -> Any:
        raise AssertionError(word)

    found = json.loads(HISTORIES["one"].to_json(), parse_constant=refuse)["series"]
    assert found["validation"] == {"dtype": "float32", "every": 2, "values": ["nan", "inf", "-inf", 2.0]}
    assert found["loss"]["values"][:2] == [0.1, 1e-8]


BAD_FILES = {
    "no step": (History.from_csv, "loss\n1.0\n", "has a column 'step'"),
    "nothing": (History.from_csv, "", "has a column 'step'"),
    "no lines": (History.from_csv, "step,loss\n", "a line for each step"),
    "a short line": (History.from_csv, "step,loss\n1,2.0\n2\n", "2 cells a line, got one of 1"),
    "no number": (History.from_csv, "step,loss\n1,low\n", "low"),
    "another object": (History.from_json, "[1]", "has a 'series'"),
    "no values": (
        History.from_json,
        '{"series": {"loss": {"every": 1, "dtype": "float32"}}}',
        "has a 'series'",
    ),
    "no json": (History.from_json, "loss", "Expecting value"),
}


@pytest.mark.parametrize(("read", "text", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_history_is_refused(read: Any, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(io.StringIO(text))


def test_it_is_a_value() -> None:
    history = HISTORIES["one"]
    assert pickle.loads(pickle.dumps(history)) == history
    assert hash(history) == hash(History(history.series, every={"validation": 2}))
    assert history != History(history.series)
    assert jax.tree.map(lambda x: x, history) == history
    with pytest.raises(AttributeError):
        history.series = {}  # pyright: ignore[reportAttributeAccessIssue]


def test_low_precision_becomes_float32() -> None:
    assert History({"loss": jnp.ones(3, jnp.bfloat16)})["loss"].dtype == jnp.float32


def test_members_are_selected() -> None:
    history = HISTORIES["seeds"]
    assert (history.members, history.member(1).members, history.member(1, 2).members) == ((2, 3), (3,), ())
    np.testing.assert_array_equal(history.member(1, 2)["loss"], history["loss"][1, 2])


def test_the_end_is_the_mean_of_the_last_tenth() -> None:
    history = History({"loss": jnp.arange(20.0), "validation": jnp.arange(20.0)})
    assert (history.judged, float(history.final())) == ("validation", 19.0)
    assert float(history.final("loss")) == 18.5
    assert float(history.final("loss", share=0.001)) == 19.0


def test_the_steps_to_a_target() -> None:
    losses = jnp.array([[5.0, 2.0, 4.0, 2.0, 1.0], [5.0, 5.0, 5.0, 5.0, jnp.nan]])
    history = History({"loss": losses, "v": losses}, every={"v": 10})
    assert history.steps_to(2.0).tolist() == [2.0, np.inf]
    assert history.steps_to(2.0, "v").tolist() == [20.0, np.inf]
    assert history.steps_to(3.0, window=2).tolist() == [3 + 0.0, np.inf]
    assert history.steps_to(1.5, window=2).tolist() == [5.0, np.inf]


def test_a_long_history_prints_at_equal_distances() -> None:
    rows = History({"loss": jnp.arange(1.0, 101.0)}).table().rows
    assert [int(step) for step, _ in rows] == [1, 11, 21, 31, 41, 50, 60, 70, 80, 90, 100]
    assert len(History({"loss": jnp.arange(1.0, 101.0)}).table(rows=3).rows) == 3
    evaluated = History({"loss": jnp.arange(100.0), "validation": jnp.arange(4.0)}, every={"validation": 25})
    assert [row[2] for row in evaluated.table().rows] == ["0", "1", "2", "3"]


def test_members_print_with_their_ends() -> None:
    assert HISTORIES["seeds"].table().columns == ("member", "loss", "n")
    assert [row[0] for row in HISTORIES["seeds"].table().rows][-2:] == ["1, 1", "1, 2"]
    assert "<table>" in HISTORIES["one"]._repr_html_()


WRONG = {
    "no dictionary": ([1.0], TypeError, "series: the series are a dictionary from names to arrays"),
    "no axis": ({"loss": 1.0}, ValueError, "'loss' has no axis of records"),
    "nothing": ({}, ValueError, "there is no series"),
    "two shapes": ({"a": jnp.ones(2), "b": jnp.ones((3, 2))}, ValueError, r"differ: \(\) and \(3,\)"),
}


@pytest.mark.parametrize(("series", "kind", "message"), WRONG.values(), ids=WRONG)
def test_series_of_no_history_are_refused(series: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        History(series)


def test_a_misspelled_name_is_answered() -> None:
    with pytest.raises(
        KeyError, match=r"no series 'los'. Did you mean 'loss'\? It has loss, validation, skipped"
    ):
        HISTORIES["one"]["los"]


def test_it_draws_a_line_for_each_member() -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = HISTORIES["members"].plot(ax=figure.subplots())
    assert (len(ax.lines), ax.get_xlabel(), ax.get_ylabel()) == (2, "step", "loss")
    ax = HISTORIES["one"].plot("validation", ax=figure.subplots())
    assert ax.lines[0].get_xdata().tolist() == [2, 4, 6, 8]
    falling = History({"loss": jnp.array([100.0, 1.0])}).plot(ax=figure.subplots())
    assert falling.get_yscale() == "log"


def test_the_lines_take_their_properties_and_the_legend_has_a_label_once() -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = HISTORIES["members"].plot(ax=figure.subplots(), label="runs", color="red", alpha=1.0)
    assert [line.get_color() for line in ax.lines] == ["red", "red"]
    assert [line.get_alpha() for line in ax.lines] == [1.0, 1.0]
    assert ax.get_legend_handles_labels()[1] == ["runs"]


def test_it_draws_means_of_a_window() -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    (line,) = History({"loss": jnp.array([4.0, 2.0, 6.0])}).plot(ax=figure.subplots(), window=2).lines
    assert line.get_xydata().tolist() == [[2.0, 3.0], [3.0, 4.0]]


def test_it_draws_the_mean_of_the_members_with_their_range() -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    history = History({"loss": jnp.array([[4.0, 2.0], [2.0, 1.0]])})
    ax = history.plot(ax=figure.subplots(), band=True, label="runs", color="red")
    (line,), (band,) = ax.lines, ax.collections
    assert line.get_xydata().tolist() == [[1.0, 3.0], [2.0, 1.5]]
    assert (line.get_label(), line.get_color()) == ("runs", "red")
    assert band.get_paths()[0].get_extents().bounds == (1.0, 1.0, 1.0, 3.0)


def test_without_matplotlib_the_table_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"gradtx\[cli\].*history.table\(\) needs no other package"):
        HISTORIES["one"].plot()

"""Displays in a notebook: tables, curves and colors that need no style, and no script."""

import copy
import importlib
import pickle
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx
from gradtx import Table, state_table, summary
from tests.cases import CASES, make_params
from tests.core.test_import import loaded_by

PARAMS = {"w": jnp.ones((3, 2)), "b": jnp.ones(2)}
VOID = {"br"}

pictures = importlib.import_module("gradtx.core._curve")  # no package exports it
curve, horizon = pictures.svg_curve, pictures.horizon


class Checker(HTMLParser):
    """Collects the tags of well-formed HTML, its text, and whether all is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)
        assert not any(name.startswith("on") or name in ("class", "id") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checked(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    assert not checker.open
    assert not {"script", "style", "link", "iframe", "img"} & checker.seen
    assert len(html.encode()) <= 20_000
    colors = re.findall(r'(?:fill|stroke)="([^"]*)"', html)
    assert set(colors) <= {"none", "currentColor"}
    assert not re.search(r"color:|background", html)
    return checker


@pytest.mark.parametrize("name", CASES)
def test_every_case_has_a_display(name: str) -> None:
    tx = CASES[name]
    params = make_params(jnp.float32)
    shown = checked(tx._repr_html_())
    assert type(tx).__name__ in shown.text
    checked(summary(tx, params)._repr_html_())
    state = jax.eval_shape(tx.init, params)
    checked(state_table(state)._repr_html_())
    if hasattr(state, "_fields"):
        assert state._repr_html_() == state_table(state)._repr_html_()


def test_an_optimizer_shows_its_parts_numbers_and_curves() -> None:
    tx = gradtx.guard(
        gradtx.partition(
            {"<b>": gradtx.adamw(gradtx.cosine_decay_schedule(0.1, 100)), "b": gradtx.sgd(0.5)},
            {"w": "<b>", "b": "b"},
        )
    )
    html = tx._repr_html_()
    shown = checked(html)
    assert "['<b>'] chain" in shown.text
    assert "&lt;b&gt;" in html
    assert "weight_decay = 0.0001" in shown.text
    assert html.count("<svg") == 1
    assert "mask = " not in html
    masked = gradtx.adamw(0.1, mask=gradtx.at_least_two_axes)._repr_html_()
    assert "mask = at_least_two_axes" in masked
    assert repr(tx) in shown.text


def test_a_large_optimizer_stays_small_and_says_that_more_follows() -> None:
    part = gradtx.adamw(gradtx.cosine_decay_schedule(0.1, 100))
    tx = gradtx.chain(*[part] * 50)
    assert "..." in checked(tx._repr_html_()).text
    findings = gradtx.lint(tx)
    assert len(findings) > 49
    assert "..." in checked(gradtx.core.Findings(findings * 9)._repr_html_()).text
    table = Table(("name",), [("x" * 1000,)] * 1000)
    assert "..." in checked(table._repr_html_()).text


SCHEDULES = {
    "cosine": (gradtx.cosine_decay_schedule(0.5, 1000), 0.5, 0.0, range(1000, 1200)),
    "warmup": (gradtx.linear_schedule(0.0, 2.0, 50), 2.0, 0.0, range(50, 64)),
    "constant": (gradtx.constant_schedule(0.25), 0.25, 0.0, range(100, 101)),
    "endless": (gradtx.inverse_sqrt_schedule(1.0, 100), 1.0, None, range(1000, 1001)),
    "function": (
        gradtx.schedule_from(lambda count: jnp.where(count < 10, 1.0, 3.0)),
        3.0,
        1.0,
        range(10, 20),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_curve_spans_its_values_until_they_no_longer_change(name: str) -> None:
    schedule, high, low, last = SCHEDULES[name]
    picture = ET.fromstring(curve(schedule))
    (line,) = picture.iter("{http://www.w3.org/2000/svg}polyline")
    points = np.array([[float(x) for x in point.split(",")] for point in line.attrib["points"].split()])
    assert points[0, 0] == 64
    assert points[-1, 0] == 308
    assert np.all(np.diff(points[:, 0]) > 0)
    assert points.min(axis=0)[1] >= 12 - 0.01
    assert points.max(axis=0)[1] <= 100 + 0.01
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert float(words[0] or 0) == pytest.approx(high)
    assert low is None or float(words[1] or 0) == pytest.approx(low)
    assert words[3] == f"{horizon(schedule)} updates"
    assert horizon(schedule) in last
    counts = np.round(np.linspace(0, horizon(schedule) or 0, 51))
    heights = np.interp(64 + 244 * counts / counts[-1], *points.T)
    values = np.interp(heights, [12, 100], [float(words[0] or 0), float(words[1] or 0)])
    distances = np.abs(values - schedule(counts))
    assert np.median(distances) <= 0.01 * (high - (low or 0.0))
    assert np.mean(distances) <= 0.03 * (high - (low or 0.0))  # a step is a steep line


def test_a_periodic_schedule_has_some_periods_and_growth_no_overflow() -> None:
    periodic = gradtx.schedule_from(lambda count: (count % 2).astype(float))
    assert horizon(periodic) == 100
    assert horizon(periodic * gradtx.linear_schedule(1.0, 2.0, 70)) == 4 * 70
    growth = gradtx.exponential_decay(1e-6, transition_steps=200, decay_rate=1e3)
    assert "<svg" in curve(growth)
    assert horizon(growth) in range(1000, 3000)


def test_without_a_concrete_curve_there_is_none() -> None:
    def branching(count: Any) -> Any:
        return 0.1 if count < 10 else 0.01

    stacked = jax.vmap(lambda end: gradtx.linear_schedule(1.0, end, 10))(jnp.ones(2))
    for schedule in (gradtx.schedule_from(branching), stacked):
        assert curve(schedule) == ""
        assert "<svg" not in checked(schedule._repr_html_()).seen
    checked(gradtx.sgd(branching)._repr_html_())


def test_a_long_word_is_cut_and_escaped() -> None:
    table = Table(("<i>", "n"), [("  <script>" + "x" * 400, "1")], right=("n",))
    html = table._repr_html_()
    checked(html)
    assert "&lt;script&gt;" in html
    assert "&nbsp;&nbsp;&nbsp;&nbsp;&lt;script" in html
    assert "x..." in html
    assert "text-align:right" in html


def test_a_table_is_a_frozen_string() -> None:
    table = summary(gradtx.momentum(0.1), PARAMS)
    assert isinstance(table, str)
    assert repr(table) == str(table) == table
    assert "trace(decay=0.9)" in table
    assert table.rows[0] == ("trace(decay=0.9)", "trace", "2", "float32", "32 B")
    assert table.columns[0] == "transformation"
    with pytest.raises(AttributeError, match="is a value"):
        table.rows = ()  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError, match="is a value"):
        del table.rows
    for again in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert (again, again.rows, type(again)) == (table, table.rows, Table)


def test_ipython_prints_values_on_their_lines() -> None:
    pretty = pytest.importorskip("IPython.lib.pretty").pretty
    tx = gradtx.guard(gradtx.adamw(1e-3))
    assert pretty(tx) == repr(tx)
    assert pretty([tx]).splitlines() == [
        f"{'[' if i == 0 else ' '}{line}" for i, line in enumerate(f"{tx!r}]".splitlines())
    ]
    assert pretty(summary(tx, PARAMS)) == summary(tx, PARAMS)
    assert pretty(gradtx.lint(tx)) == "no findings"
    state = tx.init(PARAMS)
    assert pretty(state) == f"GuardState:\n{state_table(state)}"
    assert pretty(gradtx.EmptyState()) == "EmptyState()"


def test_a_state_has_a_row_for_each_field() -> None:
    tx = gradtx.chain(
        gradtx.identity(), gradtx.guard(gradtx.masked(gradtx.adam(0.1), {"w": True, "b": False}))
    )
    _, state = tx.update(PARAMS, tx.init(PARAMS), PARAMS)
    rows = {row[0]: row[1:] for row in state_table(state).rows}
    assert rows["[1].accepted"] == ("1", "1", "int32", "4 B")
    assert rows["[1].bad_leaf"] == ("-1", "1", "int32", "4 B")
    assert rows["[1].inner_state.inner_state[0].mu"] == ("", "1", "float32", "24 B")
    assert sum(int(row[1]) for name, row in rows.items() if name != "all") == int(rows["all"][1])
    assert state_table({"w": jnp.ones(2)}).rows[0] == ("state", "", "1", "float32", "8 B")
    assert state_table({"a": jnp.ones(()), "b": jnp.zeros(())}).rows[0][:3] == ("state", "", "2")
    assert "[0].mu" in state_table(optax.adam(0.1).init(PARAMS))
    shapes = jax.eval_shape(tx.init, PARAMS)
    assert [row[0] for row in state_table(shapes).rows] == list(rows)


def test_a_class_of_states_keeps_its_own_display() -> None:
    class Shown(tuple[()]):
        _fields = ()

        def _repr_html_(self) -> str:
            return "own"

    class shown(gradtx.GradientTransformation, state=Shown):
        pass

    assert Shown()._repr_html_() == "own"
    assert shown is not None


def test_displays_are_not_imported_before_they_are_shown() -> None:
    loaded = loaded_by("import gradtx; gradtx.summary(gradtx.adam(0.1), 1.0)")
    assert "gradtx.core._table" in loaded
    assert not {"gradtx.core._html", "gradtx.core._curve"} & loaded

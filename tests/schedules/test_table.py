"""The values of a schedule as a table and as a picture."""

import builtins
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx


def test_a_table_has_the_tenths_and_the_turns_between_them():
    schedule = gradtx.warmup_cosine_decay_schedule(0.0, 3e-4, 2_000, 100_000, 3e-5)
    table = schedule.table(100_000)
    assert table.steps[:3] == (0, 2_000, 10_000)
    assert set(range(0, 100_001, 10_000)) <= set(table.steps)
    assert len(table.steps) <= 17
    np.testing.assert_allclose(table.values, schedule(jnp.array(table.steps)), rtol=1e-6)
    assert table.rows[1] == (2_000, float(np.float32(3e-4)))
    lines = str(table).splitlines()
    assert lines[:3] == ["  step  value", "     0  0", "  2000  0.0003"]
    assert lines[-1] == "100000  3e-05"
    assert repr(table) == str(table)


def test_a_jump_is_in_the_table_with_the_count_before_it():
    steps = gradtx.piecewise_constant_schedule(1.0, {33: 0.5, 77: 0.1}).table(100).steps
    assert {32, 33, 76, 77} <= set(steps)


def test_a_table_of_few_steps_has_each_once():
    assert gradtx.constant_schedule(0.5).table(0).rows == [(0, 0.5)]
    assert gradtx.linear_schedule(0.0, 1.0, 2).table(3).rows == [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.0)]


def test_a_table_of_given_counts_has_these_rows():
    assert gradtx.linear_schedule(0.0, 1.0, 4).table([4, 2]).rows == [(4, 1.0), (2, 0.5)]
    assert gradtx.linear_schedule(0.0, 1.0, 4).table(range(2)).steps == (0, 1)


def test_a_function_that_takes_single_counts_has_a_table_too():
    rates = jnp.array([0.5, 0.25, 0.125])
    schedule = gradtx.join_schedules(
        [1.0, lambda t: jax.lax.dynamic_index_in_dim(rates, t, keepdims=False)], [1]
    )
    assert schedule.table(3).values == (1.0, 0.5, 0.25, 0.125)


def test_a_table_of_more_steps_than_points_has_both_ends():
    table = gradtx.exponential_decay(1.0, 10**8, 0.5).table(2**31 - 1)
    assert table.steps[0] == 0
    assert table.steps[-1] == 2**31 - 1


def test_a_plot_draws_the_curve():
    figure = pytest.importorskip("matplotlib.figure")
    schedule = gradtx.warmup_cosine_decay_schedule(0.0, 1.0, 10, 100)
    axes = figure.Figure().subplots()
    assert schedule.plot(200, axes) is axes
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(201))
    np.testing.assert_allclose(line.get_ydata(), schedule(jnp.arange(201)), rtol=1e-6)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "value")
    assert line.get_label() == "warmup_cosine_decay_schedule"
    named = schedule.plot(20, figure.Figure().subplots(), label="rate", color="red").lines[0]
    assert (named.get_label(), named.get_color()) == ("rate", "red")


def test_a_plot_is_in_the_current_axes_by_default():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    axes = gradtx.linear_schedule(0.0, 1.0, 4).plot(4)
    try:
        assert axes is pyplot.gca()
    finally:
        pyplot.close(axes.figure)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    original = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return original(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "gradtx\[cli\]"'):
        gradtx.linear_schedule(0.0, 1.0, 4).plot(4)

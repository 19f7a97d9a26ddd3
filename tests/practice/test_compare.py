"""Comparisons: the best of each sweep, Welch's test against SciPy, and the table."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import gradtx
from gradtx.practice import Comparison, compare, sweep, train
from gradtx.practice._welch import welch
from tests.practice.regression import PARAMS, batches, init, loss_fn

DATA = batches(10)
ENTRIES = {
    "sgd": sweep(gradtx.sgd(0.1), learning_rate=[0.01, 0.1, 0.3]),
    "adam": sweep(gradtx.adam(0.1), learning_rate=[0.01, 0.1, 1.0]),
    "still": gradtx.sgd(1e-6),
}


def held_out(params: Any) -> Any:
    return loss_fn(params, jax.tree.map(lambda x: x[0], DATA))


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    options: dict[str, Any] = {"steps": 40, "seeds": 3, "target": 0.8, "eval_fn": held_out, "every": 4}
    return compare(ENTRIES, loss_fn, init, DATA, **options)


@pytest.mark.exhaustive
def test_the_best_member_of_each_is_that_of_its_sweep(comparison: Comparison) -> None:
    for name in ("sgd", "adam"):
        swept, entry = ENTRIES[name], comparison.entries[name]
        options: dict[str, Any] = {"steps": 40, "seeds": 3, "eval_fn": held_out, "every": 4}
        history = train(loss_fn, init, swept, DATA, **options).history
        assert entry.optimizer == swept.best(history)
        np.testing.assert_allclose(entry.history["loss"], history["loss"], rtol=1e-3)
        np.testing.assert_allclose(entry.final, history["validation"][entry.best_index, :, -1], rtol=1e-3)
    assert comparison.entries["still"].setting == {}


def test_the_steps_to_the_target_are_those_of_the_validation(comparison: Comparison) -> None:
    entry = comparison.entries["adam"]
    values = np.asarray(entry.history["validation"][entry.best_index])
    assert entry.steps.tolist() == [4 * (1 + np.argmax(row <= 0.8)) for row in values]
    assert np.isinf(comparison.entries["still"].steps).all()


@pytest.mark.exhaustive
def test_without_an_evaluation_the_mean_loss_reaches_the_target() -> None:
    result = compare({"sgd": ENTRIES["sgd"]}, loss_fn, PARAMS, DATA, steps=40, seeds=2, target=0.7)
    entry = result.entries["sgd"]
    for row, steps in zip(np.asarray(entry.history["loss"][entry.best_index]), entry.steps, strict=True):
        means = (row[1:] + row[:-1]) / 2  # a twentieth of the steps
        assert steps == 2 + np.argmax(means <= 0.7)


def test_the_table_is_in_order_of_the_loss(comparison: Comparison) -> None:
    table = comparison.table()
    assert table.columns == (
        "optimizer", "best", "loss", "s.e.", "steps to 0.8", "ratio", "p", "ms/step", "state",
    )  # fmt: skip
    finals = [comparison.entries[row[0]].final.mean() for row in table.rows]
    assert finals == sorted(finals)
    rows = {row[0]: row for row in table.rows}
    assert rows["still"][1] == ""
    assert rows["still"][4:7] == ("0 of 3 reach it", "", "")
    adam = comparison.entries["adam"]
    assert rows["adam"][1] == f"learning_rate {adam.setting['learning_rate']:.4g}"
    assert rows["adam"][3] == f"{adam.final.std(ddof=1) / 3**0.5:.4g}"
    assert rows["adam"][5] == f"{adam.steps.mean() / comparison.entries['sgd'].steps.mean():.4g}"
    assert rows["adam"][6] == f"{comparison.p_value('adam'):.4g}"
    assert rows["sgd"][5:7] == ("1", "")
    assert rows["adam"][8] == f"{2 * 4 * (24 + 6 + 12) + 4} B"
    assert float(rows["adam"][7]) > 0
    assert "end-of-grid at sgd: the best learning_rate, 0.3, is the end of its list" in table
    assert "<table>" in comparison._repr_html_()


@pytest.mark.exhaustive
def test_without_a_target_there_is_no_test() -> None:
    result = compare({"a": gradtx.sgd(0.1), "b": gradtx.sgd(0.2)}, loss_fn, init, DATA, steps=5, seeds=1)
    assert result.table().columns == ("optimizer", "best", "loss", "s.e.", "ms/step", "state")
    assert result.table().rows[0][3] == ""
    assert result.p_value("b") is None


def test_the_p_value_is_that_of_scipy(comparison: Comparison) -> None:
    first, other = (comparison.entries[name].steps for name in ("sgd", "adam"))
    deviations = [max(steps.std(ddof=1), 4 / 12**0.5) for steps in (first, other)]
    expected = scipy.stats.ttest_ind_from_stats(
        first.mean(), deviations[0], 3, other.mean(), deviations[1], 3, equal_var=False
    )
    assert comparison.p_value("adam") == pytest.approx(expected.pvalue, rel=1e-4)
    assert comparison.p_value("sgd") is None
    assert comparison.p_value("still") is None


def test_equal_steps_have_the_variance_of_their_rounding(comparison: Comparison) -> None:
    first, other = (comparison.entries[name] for name in ("sgd", "adam"))
    entries = {"a": first._replace(steps=np.full(3, 8.0)), "b": other._replace(steps=np.full(3, 16.0))}
    expected = scipy.stats.ttest_ind_from_stats(8, 4 / 12**0.5, 3, 16, 4 / 12**0.5, 3)
    assert Comparison(entries, 0.8).p_value("b") == pytest.approx(expected.pvalue, rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_welch_is_that_of_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random.normal(0, 1, 5), random.normal(1, 3, 3)
    assert welch(a, b) == pytest.approx(scipy.stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-4)


def test_welch_has_no_value_without_a_variance() -> None:
    assert welch([1.0, 1.0], [2.0, 2.0]) is None
    assert welch([1.0], [2.0, 3.0]) is None
    assert welch([1.0, np.inf], [2.0, 3.0]) is None
    assert welch([10.0, 10.0], [12.0, 12.0], resolution=1.0) == pytest.approx(
        scipy.stats.ttest_ind_from_stats(10, 12**-0.5, 2, 12, 12**-0.5, 2, equal_var=False).pvalue, rel=1e-4
    )


def test_it_draws_a_line_for_each_entry(comparison: Comparison) -> None:
    ax = comparison.plot(ax=pytest.importorskip("matplotlib.figure").Figure().subplots())
    assert [line.get_label() for line in ax.lines[:3]] == list(ENTRIES)
    adam = comparison.entries["adam"]
    np.testing.assert_allclose(
        ax.lines[1].get_ydata(), adam.history["validation"][adam.best_index].mean(0), rtol=1e-6
    )
    assert ax.lines[1].get_xdata().tolist() == list(range(4, 41, 4))
    assert ax.lines[3].get_ydata()[0] == 0.8
    assert ax.get_ylabel() == "validation"


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "a list": ([gradtx.sgd(0.1)], {}, "compare takes sweeps by name"),
    "nothing": ({}, {}, "compare takes sweeps by name"),
    "all diverge": ({"a": gradtx.sgd(1e30)}, {}, "'a': No member has a finite loss: all 1 diverged"),
    "seeds": ({"a": gradtx.sgd(0.1)}, {"seeds": -1}, "seeds must be a whole number of at least 1"),
}


@pytest.mark.parametrize(("entries", "options", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_compared_is_refused(entries: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare(entries, loss_fn, init, DATA, steps=10, **options)


@pytest.mark.exhaustive
def test_the_same_seeds_go_to_every_entry() -> None:
    result = compare({"a": gradtx.sgd(0.1), "b": gradtx.adam(0.1)}, loss_fn, init, DATA, steps=2)
    first = [entry.history["loss"][0, :, 0] for entry in result.entries.values()]
    np.testing.assert_allclose(first[0], first[1], rtol=1e-6)
    assert len(set(np.asarray(first[0]).tolist())) == 3
    assert jnp.isfinite(first[0]).all()

"""Sweeps: their members, what they refuse, and their training as one program."""

import re
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.core import find
from gradtx.practice import History, Sweep, sweep, train
from gradtx.tree import NameLookupError
from tests.cases import CASES
from tests.practice.regression import PARAMS, STEPS, batches, init, loss_fn

RATES = [1e-3, 1e-2, 3e-2]


def test_a_product_has_all_combinations() -> None:
    s = sweep(gradtx.adamw(0.1), learning_rate=jnp.geomspace(1e-3, 1e-1, 3), weight_decay=[0, 0.1])
    assert [tuple(own.values()) for own in s.settings] == [
        (rate, decay) for rate in (1e-3, 1e-2, 1e-1) for decay in (0, 0.1)
    ]
    assert len(s) == 6
    expected = [gradtx.adamw(own["learning_rate"], weight_decay=own["weight_decay"]) for own in s.settings]
    assert list(s) == expected
    assert s[-1] == expected[-1]
    assert s.optimizer == gradtx.stack(expected)


def test_a_zip_takes_them_in_turn() -> None:
    s = sweep(gradtx.sgd(0.1, momentum=0.9), how="zip", learning_rate=[0.1, 0.2], decay=[0.5, 0.7])
    assert list(s) == [gradtx.sgd(0.1, momentum=0.5), gradtx.sgd(0.2, momentum=0.7)]


SCHEDULED = gradtx.chain(
    gradtx.clip_by_global_norm(1.0),
    gradtx.adamw(gradtx.warmup_cosine_decay_schedule(0.0, 1e-3, 2, 8)),
)

SWEPT: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "a schedule's name": (SCHEDULED, {"peak_value": [0.1, 0.2]}, {"peak_value": 0.2}),
    "a path": (SCHEDULED, {"learning_rate.peak_value": [0.1, 0.2]}, {"peak_value": 0.2}),
    "a number for a schedule": (SCHEDULED, {"learning_rate": [0.1, 0.2]}, {"learning_rate": 0.2}),
    "a number of a wrapper": (gradtx.lookahead(gradtx.sgd(0.1), 2, 0.5), {"slow_step_size": [0.1, 1]}, None),
    "a number in a dictionary": (
        gradtx.inject_hyperparams(gradtx.adamw)(0.1),
        {"learning_rate": [0.1, 0.2]},
        {"learning_rate": 0.2},
    ),
}


@pytest.mark.parametrize(("tx", "values", "last"), SWEPT.values(), ids=SWEPT)
def test_numbers_are_found_at_any_depth(tx: Any, values: Any, last: Any) -> None:
    ((name, own),) = values.items()
    s = sweep(tx, **values)
    assert s[1] == gradtx.replace(tx, **(last or {name: own[1]}))


def test_schedules_of_one_structure_are_members() -> None:
    schedules = [gradtx.linear_schedule(rate, 0.0, 9) for rate in (0.1, 0.2)]
    assert list(sweep(gradtx.sgd, learning_rate=schedules)) == list(map(gradtx.sgd, schedules))


@pytest.mark.parametrize(
    "make",
    [gradtx.adamw, lambda learning_rate, b2: gradtx.adamw(learning_rate, b2=b2)],
    ids=["name", "lambda"],
)
def test_a_factory_makes_the_members(make: Any) -> None:
    s = sweep(make, learning_rate=[0.1, 0.2], b2=[0.9, 0.99])
    assert s == sweep(gradtx.adamw(0.1), learning_rate=[0.1, 0.2], b2=[0.9, 0.99])


ADAM = gradtx.adam(0.1)
REFUSED: dict[str, tuple[Any, dict[str, Any], Any, str]] = {
    "nothing": (ADAM, {}, ValueError, "a list of numbers for each name"),
    "a misspelled name": (ADAM, {"learning_rat": [1.0]}, NameLookupError, "Did you mean 'learning_rate'"),
    "two fields": (gradtx.chain(ADAM, ADAM), {"b1": [0.5]}, NameLookupError, "'b1' is ambiguous"),
    "bounds": (ADAM, {"b1": [0.5, 1.5]}, ValueError, "b1 must be at least 0 and below 1, got 1.5"),
    "an option": (ADAM, {"nesterov": [True]}, TypeError, "nesterov is False in scale_by_adam, an option"),
    "steps of an option": (
        gradtx.muon(0.1),
        {"ns_steps": [3, 5]},
        TypeError,
        "ns_steps is 5 in .* option",
    ),
    "a transformation": (gradtx.guard(ADAM), {"inner": [ADAM]}, TypeError, "an option and no number"),
    "one number": (
        ADAM,
        {"learning_rate": 0.1},
        TypeError,
        "list of numbers, got 0.1. For one value",
    ),
    "a string": (ADAM, {"learning_rate": "0.1"}, TypeError, "takes a list of numbers"),
    "a grid": (ADAM, {"learning_rate": np.ones((2, 2))}, TypeError, "takes a list of numbers"),
    "no values": (ADAM, {"learning_rate": []}, ValueError, "learning_rate has no values"),
    "another way": (ADAM, {"how": "grid", "b1": [0.5]}, ValueError, "'product' or 'zip', got 'grid'"),
    "two lengths": (
        ADAM,
        {"how": "zip", "b1": [0.5], "b2": [0.5, 0.6]},
        ValueError,
        "lists of one length, got {'b1': 1, 'b2': 2}",
    ),
    "an unknown argument": (gradtx.adam, {"lr": [0.1]}, TypeError, "Did you mean 'learning_rate'"),
    "a schedule for a number": (
        ADAM,
        {"learning_rate": [gradtx.linear_schedule(0.1, 0.0, 9)]},
        TypeError,
        "cannot become linear_schedule",
    ),
}


@pytest.mark.parametrize(("tx", "values", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_sweep_is_refused(tx: Any, values: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=f"(?s){message}"):
        sweep(tx, **values)


def test_it_is_a_value_that_prints() -> None:
    s = sweep(gradtx.sgd(0.1), learning_rate=np.geomspace(1e-4, 1, 16))
    assert repr(s).replace("\n", "").endswith("learning_rate=[0.0001 ... 1.0])")
    assert hash(s) == hash(jax.tree.map(lambda x: x, s))
    assert s != sweep(gradtx.sgd(0.1), learning_rate=np.geomspace(1e-4, 2, 16))
    assert "how='zip'" in repr(sweep(gradtx.sgd(0.1), how="zip", learning_rate=[0.1]))


def worst_difference(s: Sweep, **options: Any) -> float:
    """The largest difference of a sweep from its members by themselves, relative to the largest number."""
    params, data = init(jax.random.key(0)), batches()  # in float64 where that is enabled
    together = train(loss_fn, params, s, data, steps=STEPS, **options)
    worst = 0.0
    for index, tx in enumerate(s):
        alone = train(loss_fn, params, tx, data, steps=STEPS)
        pairs = (jax.tree.leaves((result.params, result.history)) for result in (together, alone))
        for all_members, own in zip(*pairs, strict=True):
            one, other = (np.asarray(array, float) for array in (all_members[index], own))
            worst = max(worst, np.abs(one - other).max() / (np.abs(other).max() or 1.0))
    return worst


# They amplify the rounding of float32: by the root of a tiny average, by a search, and by a difference of
# nearly equal losses.
UNSTABLE = {"acprop", "lbfgs", "momo", "scale_by_momo_adam"}

# `multi_transform` climbs. The others need an argument that no training has.
LEFT_OUT = {"multi_transform", "accumulate", "dpsgd", "monitor", "sophia"}


def takes_a_rate(name: str) -> bool:
    try:
        find(CASES[name], "learning_rate")
    except NameLookupError:
        return False
    return name not in LEFT_OUT


WITH_RATE = [name for name in CASES if takes_a_rate(name)]
QUICK = {"adamw", "lion"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.exhaustive) for n in WITH_RATE]
)
def test_members_train_as_by_themselves(name: str) -> None:
    assert worst_difference(sweep(CASES[name], learning_rate=RATES)) < (1e-4 if name in UNSTABLE else 1e-6)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", sorted(UNSTABLE))
def test_in_float64_the_unstable_ones_do_as_well(name: str) -> None:
    with jax.enable_x64(True):
        assert worst_difference(sweep(CASES[name], learning_rate=RATES)) < 1e-12


@pytest.mark.exhaustive
def test_soap_trains_alike_where_the_gradients_have_full_rank() -> None:
    def loss(params: Any, batch: Any) -> Any:
        inputs, _ = batch
        return jnp.mean((inputs @ params["w"] - inputs[:, ::-1]) ** 2)

    s = sweep(gradtx.soap(0.1), learning_rate=RATES)
    begin = {"w": jax.random.normal(jax.random.key(0), (4, 4))}
    results = [train(loss, begin, tx, batches(), steps=STEPS).params["w"] for tx in s]
    together = train(loss, begin, s, batches(), steps=STEPS).params["w"]
    np.testing.assert_allclose(together, jnp.stack(results), rtol=0, atol=1e-6)


@pytest.mark.exhaustive
def test_members_in_chunks_train_as_all_at_once() -> None:
    s = sweep(gradtx.adamw(0.1), learning_rate=np.geomspace(1e-3, 1e-1, 5))
    assert worst_difference(s, batch_size=2) < 1e-6


def test_chunks_are_a_loop_over_members() -> None:
    s = sweep(gradtx.adamw(0.1), learning_rate=np.geomspace(1e-3, 1e-1, 4))

    def loops(**options: Any) -> int:
        run = partial(train, loss_fn, PARAMS, s, steps=STEPS, **options)
        return str(jax.make_jaxpr(run)(batches())).count("scan[")

    assert loops(batch_size=2) == loops() + 1


def test_chunks_of_no_member_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1, got 0"):
        train(loss_fn, PARAMS, SWEEP, batches(), steps=STEPS, batch_size=0)


@pytest.mark.exhaustive
def test_a_sweep_is_traced_once() -> None:
    traces: list[int] = []

    def counted(params: Any, batch: Any) -> Any:
        traces.append(1)
        return loss_fn(params, batch)

    s = sweep(gradtx.adamw(0.1), learning_rate=np.geomspace(1e-4, 1, 16))
    train(counted, PARAMS, s, batches(), steps=STEPS)
    assert len(traces) == 1
    train(counted, init, s, batches(), steps=STEPS, seeds=2, batch_size=3)
    assert len(traces) == 2


@pytest.mark.parametrize("options", [{}, {"batch_size": 2}], ids=["at once", "in chunks"])
def test_members_that_diverge_leave_the_others_as_they_are(options: Any) -> None:
    tx = gradtx.sgd(0.1, momentum=0.9)
    calm, wild = ([0.01, own, 0.02, own, 0.03] for own in (0.05, 1e30))
    results = [
        train(loss_fn, PARAMS, sweep(tx, learning_rate=rates), batches(), steps=STEPS, **options)
        for rates in (calm, wild)
    ]
    assert not np.isfinite(results[1].history["loss"][1, -1])
    for one, other in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_array_equal(one[::2], other[::2])


@pytest.mark.exhaustive
def test_conditions_on_the_shared_count_stay_branches() -> None:
    s = sweep(gradtx.soap(0.1, update_interval=4), learning_rate=[0.1, 0.2])
    square = {"w": jnp.ones((3, 3))}
    run = partial(
        train, lambda p, batch: jnp.sum((p["w"] @ batch) ** 2), batches=jnp.ones((8, 3, 3)), steps=8
    )
    program = jax.jit(lambda tx: run(params=square, tx=Sweep(tx, s.axes))).lower(s.optimizer).compile()
    assert re.search(r" conditional\(", program.as_text())


@pytest.mark.exhaustive
def test_seeds_follow_the_members() -> None:
    s = sweep(gradtx.sgd(0.1), learning_rate=[0.1, 0.2, 0.3])
    result = train(loss_fn, init, s, batches(), steps=STEPS, seeds=2)
    assert result.history["loss"].shape == (3, 2, STEPS)
    alone = train(loss_fn, init, s[1], batches(), steps=STEPS, seeds=[1])
    np.testing.assert_allclose(result.history["loss"][1, 1], alone.history["loss"][0], rtol=1e-5)


SWEEP = sweep(gradtx.adamw(0.1), learning_rate=[0.01, 0.1, 1.0], weight_decay=[0.0, 0.1])


def test_the_table_has_means_errors_and_diverged_seeds() -> None:
    losses = np.array([[3.0, 5.0], [2.0, 2.5], [1.0, 2.0], [0.5, np.inf], [np.nan, np.nan], [4.0, 4.0]])
    table = SWEEP.table(losses)
    assert table.columns == ("learning_rate", "weight_decay", "loss", "s.e.", "diverged", "")
    assert table.rows[0] == ("0.01", "0", "4", "1", "", "")
    assert table.rows[2] == ("0.1", "0", "1.5", "0.5", "", "best")
    assert table.rows[3] == ("0.1", "0.1", "nan", "", "1 of 2", "")
    assert (SWEEP.best_index(losses), SWEEP.best(losses)) == (2, SWEEP[2])
    assert not table.below


def test_a_best_member_at_the_end_of_its_list_is_a_finding() -> None:
    table = SWEEP.table([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    (finding,) = table.below[0]
    assert "the best learning_rate, 1, is the end of its list. Add larger numbers" in str(finding)
    assert "Add smaller" in str(SWEEP.table([1.0, 5.0, 4.0, 3.0, 2.0, 1.5]))
    decays = sweep(gradtx.adamw(0.1), weight_decay=[0.0, 0.1, 0.2])
    assert not decays.table([1.0, 2.0, 3.0]).below  # nothing is smaller than no decay


def test_a_validation_counts_before_the_loss() -> None:
    falling = jnp.arange(6.0)[:, None]
    history = History({"loss": falling, "validation": falling[::-1]})
    assert (SWEEP.best_index(history), SWEEP.best_index(history, "loss")) == (5, 0)
    assert SWEEP.table(history).columns[2] == "validation"


def test_losses_of_no_member_are_refused() -> None:
    with pytest.raises(ValueError, match=r"all 6 diverged. Begin with smaller"):
        SWEEP.best(np.full(6, np.nan))
    assert "best" not in SWEEP.table(np.full(6, np.nan))
    with pytest.raises(ValueError, match=r"of 6 members .* got \(5,\)"):
        SWEEP.table(np.ones(5))


def test_it_draws_a_line_for_each_combination_of_the_others() -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    losses = np.array([[3.0, 5.0], [2.0, 2.5], [1.0, 2.0], [0.5, np.inf], [np.nan, np.nan], [4.0, 4.0]])
    ax = SWEEP.plot(losses, ax=figure.subplots())
    lines = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert lines["weight_decay 0"] == [[0.01, 4.0], [0.1, 1.5]]
    assert lines["weight_decay 0.1"] == [[0.01, 2.25], [1.0, 4.0]]
    assert (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "learning_rate", "loss")
    (band, *_) = ax.collections
    assert band.get_datalim(ax.transData).extents[[1, 3]].tolist() == [1.0, 5.0]
    zipped = sweep(gradtx.adamw(0.1), how="zip", learning_rate=[0.2, 0.1], b2=[0.9, 0.99])
    (line,) = zipped.plot([1.0, 2.0], ax=figure.subplots()).lines
    assert line.get_xydata().tolist() == [[0.1, 2.0], [0.2, 1.0]]
    scheduled = sweep(gradtx.sgd, learning_rate=[gradtx.linear_schedule(rate, 0.0, 9) for rate in (0.1, 0.2)])
    with pytest.raises(ValueError, match="draws the loss over numbers, got learning_rate"):
        scheduled.plot([1.0, 2.0])

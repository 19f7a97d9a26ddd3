"""Population-based training: against rounds written out, its selection, and the bounds of its changes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.practice import evolve, sweep, train
from gradtx.practice._population import Search, explored, parents_of
from tests.practice.regression import PARAMS, batches, init, loss_fn

RATES = [1e-4, 1e-3, 1e-2, 3e-2, 1e-1]
POPULATION = sweep(gradtx.adamw(0.1), learning_rate=RATES, weight_decay=[0.0, 0.1])
DATA = batches(12)


def held_out(params: Any) -> Any:
    return loss_fn(params, jax.tree.map(lambda x: x[0], DATA))


def in_rounds(history: Any, steps: int, every: int) -> None:
    """Compares each round of a history with trainings from the members that `parent` names."""
    rates, decays, parents = (np.asarray(history[n]) for n in ("learning_rate", "weight_decay", "parent"))
    states: list[Any] = [(PARAMS, tx.init(PARAMS)) for tx in POPULATION]
    for number in range(steps // every):
        data = jax.tree.map(lambda x, n=number: x[n * every : (n + 1) * every], DATA)
        for index, (params, state) in enumerate(states):
            tx = gradtx.adamw(rates[index, number], weight_decay=decays[index, number])
            result = train(loss_fn, params, tx, data, steps=every, state=state)
            own = history["loss"][index, number * every : (number + 1) * every]
            np.testing.assert_allclose(result.history["loss"], own, rtol=1e-4)
            states[index] = result.params, result.state
        states = [states[parent] for parent in parents[:, number]]


@pytest.mark.exhaustive
def test_members_go_on_from_their_parents() -> None:
    result = evolve(loss_fn, PARAMS, POPULATION, DATA, steps=12, every=4)
    in_rounds(result.history, 12, 4)
    assert result.history["loss"].shape == (10, 12)
    rates, parents = (np.asarray(result.history[name]) for name in ("learning_rate", "parent"))
    given = np.float32([own["learning_rate"] for own in POPULATION.settings])
    np.testing.assert_array_equal(rates[:, 0], given)
    for index, number in np.ndindex(10, 2):
        parent = parents[index, number]
        factors = [1.0] if parent == index else [0.8, 1.2]
        assert np.isclose(rates[index, number + 1] / rates[parent, number], factors, rtol=1e-6).any()
    np.testing.assert_array_equal(parents[:, -1], np.arange(10))  # the last round changes nothing
    assert len(gradtx.unstack(result.optimizer)) == 10
    np.testing.assert_array_equal(result.optimizer.transformations[-1].learning_rate, rates[:, -1])


@pytest.mark.exhaustive
def test_the_worst_are_replaced_by_the_best() -> None:
    history = evolve(loss_fn, PARAMS, POPULATION, DATA, steps=8, every=4, share=0.3).history
    scores = history["loss"][:, :4].mean(1)
    ranked, parents = np.argsort(scores), np.asarray(history["parent"][:, 0])
    np.testing.assert_array_equal(parents[ranked[:7]], ranked[:7])
    assert set(parents[ranked[7:]]) <= set(ranked[:3].tolist())


@pytest.mark.exhaustive
def test_an_evaluation_ranks_the_members() -> None:
    options: dict[str, Any] = {"steps": 8, "every": 4, "share": 0.1}
    history = evolve(loss_fn, PARAMS, POPULATION, DATA, eval_fn=lambda p: -held_out(p), **options).history
    worst = np.argmax(history["validation"][:, 0])
    best = np.argmin(history["validation"][:, 0])
    assert history["parent"][worst, 0] == best
    assert history.interval("validation") == history.interval("parent") == 4


@pytest.mark.exhaustive
def test_the_seed_gives_the_draws() -> None:
    def found(seed: int) -> Any:
        return evolve(loss_fn, PARAMS, POPULATION, DATA, steps=12, every=2, seed=seed).history

    assert found(1) == found(1)
    assert found(1) != found(2)


def test_diverged_members_are_the_worst() -> None:
    parents = parents_of(jax.random.key(0), jnp.array([jnp.nan, 1.0, jnp.inf, 2.0, 0.5]), 2)
    assert parents[1] == 1
    assert parents[3] == 3
    assert {int(parents[0]), int(parents[2])} <= {1, 4}


@pytest.mark.exhaustive
def test_a_number_does_not_leave_its_bounds() -> None:
    tx = sweep(gradtx.adam(0.1), b1=[0.9, 0.9, 0.5, 0.0]).optimizer
    copied = jnp.array([True, False, True, True])
    found: set[float] = set()
    for seed in range(8):
        new = explored(jax.random.key(seed), tx, Search(("b1",), 1, (0.8, 1.2)), copied)
        b1 = np.asarray(new.transformations[0].b1)
        np.testing.assert_array_equal(b1[[1, 3]], np.float32([0.9, 0.0]))
        found |= set(np.round(b1[[0, 2]], 4).tolist())
    np.testing.assert_allclose(sorted(found), [0.4, 0.6, 0.72, 0.9], rtol=1e-3)  # 1.08 is no decay


@pytest.mark.exhaustive
def test_counts_are_shared_and_the_branches_stay() -> None:
    population = sweep(gradtx.accumulate(gradtx.sgd(0.1), 2), learning_rate=[0.1, 0.2])
    result = evolve(loss_fn, PARAMS, population, DATA, steps=12, every=4)
    assert result.state.gradient_step.shape == ()
    assert int(result.state.gradient_step) == 6


@pytest.mark.exhaustive
def test_a_constant_schedule_is_a_number() -> None:
    tx = gradtx.sgd(gradtx.cosine_decay_schedule(0.1, 8))
    history = evolve(loss_fn, PARAMS, sweep(tx, learning_rate=[0.1, 0.2]), DATA, steps=8, every=4).history
    assert history["learning_rate"].shape == (2, 2)
    history = evolve(loss_fn, PARAMS, sweep(tx, init_value=[0.1, 0.2]), DATA, steps=8, every=4).history
    assert history["init_value"].shape == (2, 2)


SCHEDULES = sweep(gradtx.sgd, learning_rate=[gradtx.linear_schedule(rate, 0.0, 9) for rate in (0.1, 0.2)])
WRONG: dict[str, tuple[dict[str, Any], Any, str]] = {
    "an optimizer": ({"population": gradtx.sgd(0.1)}, ValueError, "a sweep of two members or more"),
    "one member": (
        {"population": sweep(gradtx.sgd(0.1), learning_rate=[0.1])},
        ValueError,
        "a sweep of two members or more",
    ),
    "a share": ({"share": 0.6}, ValueError, "above 0 and at most 0.5, got 0.6"),
    "no share": ({"share": 0.0}, ValueError, "above 0"),
    "factors": ({"factors": (0.8, -1.2)}, ValueError, r"two positive numbers, got \(0.8, -1.2\)"),
    "a round": ({"every": 5}, ValueError, "12 steps are no whole number of rounds of 5"),
    "a schedule": (
        {"population": SCHEDULES},
        TypeError,
        "learning_rate is linear_schedule. Sweep its numbers, by their names: init_value, end_value",
    ),
    "an evaluation": ({"eval_fn": lambda params: params}, ValueError, "eval_fn must return one number"),
    "parameters": ({"params": init}, ValueError, "takes the parameters themselves"),
}


@pytest.mark.parametrize(("wrong", "kind", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_evolve_is_refused(wrong: Any, kind: Any, message: str) -> None:
    given: dict[str, Any] = {"params": PARAMS, "population": POPULATION, "steps": 12, "every": 4}
    with pytest.raises(kind, match=message):
        evolve(loss_fn, batches=DATA, **(given | wrong))

"""Recipes: their numbers by size and length, their masks, what they print, and what they refuse."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.practice import rates_of, recipe, recipes, train
from gradtx.practice._plan import Plan, for_size, for_steps
from gradtx.practice._recipes import RECIPES
from tests.practice.regression import batches, init, loss_fn


def shapes(rows: int = 50257, columns: int = 2487) -> Any:
    """A model of 125 million parameters, with names by which the masks know them."""

    def shape(*axes: int) -> Any:
        return jax.ShapeDtypeStruct(axes, "float32")

    return {"embed": shape(rows, columns), "dense": {"kernel": shape(64, 64), "bias": shape(64)}}


def peak(tx: Any) -> float:
    return rates_of(tx).reference


@pytest.mark.parametrize("name", RECIPES)
def test_each_is_an_ordinary_optimizer_without_a_warning(name: str) -> None:
    tx = recipe(name, shapes(9, 4), steps=200)
    assert not gradtx.lint(tx, shapes(9, 4))
    assert eval(repr(tx), vars(gradtx)) == tx
    rate = 0.05 if name == "vision" else None  # that of the recipe is for networks with normalization
    params = init(jax.random.key(0))
    trained = recipe(name, params, steps=60, learning_rate=rate)
    result = train(loss_fn, params, trained, batches(60), steps=60)
    losses = np.asarray(result.history["loss"])
    assert losses[-10:].mean() < losses[:10].mean()


@pytest.mark.parametrize("name", RECIPES)
def test_arrays_and_their_shapes_give_one_optimizer(name: str) -> None:
    params = init(jax.random.key(0))
    assert recipe(name, params, steps=9) == recipe(name, jax.eval_shape(lambda: params), steps=9)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_short_trainings_have_shorter_warmups(name: str, steps: int) -> None:
    tx, params = recipe(name, shapes(9, 4), steps=steps), {"w": jnp.ones((2, 2))}
    assert tx.init(params) is not None


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "small-data"])
def test_the_rate_of_the_caller_is_the_peak(name: str) -> None:
    tx = recipe(name, shapes(), steps=1000, learning_rate=0.0123)
    assert peak(tx) == pytest.approx(0.0123, rel=1e-3)


def test_pretraining_has_the_numbers_of_its_sources() -> None:
    tx = recipe("llm-pretraining", shapes(), steps=100_000)
    assert peak(tx) == pytest.approx(6e-4, rel=2e-3)
    get = lambda name: gradtx.tree.get(tx, name)  # noqa: E731
    assert (get("b1"), get("b2"), get("weight_decay"), get("max_norm")) == (0.9, 0.95, 0.1, 1.0)
    schedule = get("learning_rate")
    assert (schedule.warmup_steps, schedule.decay_steps, schedule.floor) == (2000, 100_000, 0.1)
    assert recipe("llm-pretraining", shapes(), steps=1000).nested[-1].learning_rate.warmup_steps == 50
    rows = {row[0]: row for row in gradtx.leaf_table(tx, shapes()).rows}
    assert [rows[leaf][-1] for leaf in ("dense/kernel", "dense/bias", "embed")] == ["yes", "-", "-"]


def test_a_larger_transformer_has_the_rate_of_gpt_3() -> None:
    table = {350e6: 3e-4, 1.3e9: 2e-4, 13e9: 1e-4, 175e9: 0.6e-4}  # Brown et al. (2020), table 2.1
    for size, rate in table.items():
        assert for_size(6e-4, 125e6, size, most=1e-2) == pytest.approx(rate, rel=0.45)
    assert for_size(6e-4, 125e6, 1, most=1e-2) == 1e-2


def test_the_average_of_squares_spans_as_many_tokens() -> None:
    def b2(tokens: float | None) -> float:
        return gradtx.tree.get(recipe("llm-pretraining", shapes(), steps=9, batch_tokens=tokens), "b2")

    assert b2(None) == b2(5e5) == b2(4e6) == 0.95
    assert b2(1e5) == pytest.approx(0.95**0.2, abs=1e-4)
    assert b2(100) == 0.999


@pytest.mark.exhaustive
def test_the_rate_of_lamb_is_that_of_the_paper_for_its_steps() -> None:
    for steps, rate in {15_625: 5e-3, 31_250: 3.54e-3}.items():  # half the batch, and twice the steps
        assert for_steps(5e-3, 15_625, steps, most=1.0) == pytest.approx(5e-3 if steps > 15_000 else rate)
    assert peak(recipe("large-batch", shapes(), steps=3906)) == pytest.approx(1e-2, rel=1e-3)


def test_the_rate_of_images_grows_with_the_batch() -> None:
    rates = [peak(recipe("vision", shapes(), steps=450_000, batch_size=n)) for n in (None, 256, 1024)]
    assert rates == pytest.approx([0.1, 0.1, 0.4])


def test_the_average_of_a_generator_spans_a_twentieth_of_the_steps() -> None:
    assert recipe("gan", shapes(), steps=2000).decay == pytest.approx(0.99)
    assert recipe("diffusion", shapes(), steps=10**6).decay == pytest.approx(0.9999)
    assert Plan(1, 3).averaging(0.05) == 0.0


def test_the_states_of_little_memory_are_small() -> None:
    params = {"dense": jax.ShapeDtypeStruct((1024, 1024), "float32")}

    def size(name: str) -> float:
        state = jax.tree.leaves(jax.eval_shape(recipe(name, params, steps=100).init, params))
        return sum(leaf.size * leaf.dtype.itemsize for leaf in state) / 2**20

    assert 2 < size("low-memory") < 2.3
    assert size("lowest-memory") < 0.01
    assert size("llm-pretraining") == pytest.approx(8, rel=1e-3)


def test_new_leaves_have_ten_times_the_rate() -> None:
    params = {"body": jnp.zeros(1), "head": jnp.zeros(1)}
    tx = recipe("fine-tuning", params, steps=100, new="head")
    state = tx.init(params)
    for _ in range(3):
        updates, state = tx.update({"body": jnp.ones(1), "head": jnp.ones(1)}, state, params)
    assert float(updates["head"][0]) == pytest.approx(10 * float(updates["body"][0]), rel=1e-6)


def test_the_table_names_them_all() -> None:
    assert [row[0] for row in recipes().rows] == list(RECIPES)
    assert all("(" in row[3] for row in recipes().rows)


WRONG: dict[str, tuple[tuple[Any, ...], dict[str, Any], str]] = {
    "name": (("llm_pretraining", shapes()), {"steps": 9}, "Did you mean 'llm-pretraining'"),
    "other name": (("zzz", shapes()), {"steps": 9}, "There are llm-pretraining, "),
    "steps": (("vision", shapes()), {"steps": 0}, "steps must be a whole number of at least 1"),
    "rate": (
        ("vision", shapes()),
        {"steps": 9, "learning_rate": -1.0},
        "learning_rate must be a number above 0",
    ),
    "text": (
        ("vision", shapes()),
        {"steps": 9, "learning_rate": "big"},
        "learning_rate must be a number above 0",
    ),
    "batch": (
        ("gan", shapes()),
        {"steps": 9, "batch_size": 8},
        "'gan' does not depend on batch_size.*vision",
    ),
    "not new": (("gan", shapes()), {"steps": 9, "new": "head"}, "'gan' does not depend on new.*fine-tuning"),
    "new": (("fine-tuning", {"a": jnp.ones(3)}), {"steps": 9, "new": "head"}, "There are a."),
    "params": (("vision", {}), {"steps": 9}, "params has no array of floats"),
    "whole": (("vision", {"a": jnp.arange(3)}), {"steps": 9}, "params has no array of floats"),
}


@pytest.mark.parametrize(("args", "options", "message"), WRONG.values(), ids=WRONG)
def test_bad_input_is_refused(args: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe(*args, **options)

"""Trainings: against a loop written out, with evaluations, measures, seeds and iterators."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.practice import History, Trained, sweep, train
from tests.practice.regression import PARAMS, STEPS, batches, init, loss_fn


def same(one: Any, other: Any, rtol: float = 0.0, atol: float = 0.0) -> None:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(left, right, rtol, atol)


def by_hand(tx: Any, data: Any, steps: int) -> tuple[Any, Any, list[float]]:
    """The parameters, the state and the losses of a plain loop."""
    params, state, losses = PARAMS, tx.init(PARAMS), []
    for index in range(steps):
        batch = jax.tree.map(lambda x, i=index: x[i % len(x)], data)
        value, grad = jax.value_and_grad(loss_fn)(params, batch)
        updates, state = tx.update(grad, state, params, value=value)
        params = gradtx.apply_updates(params, updates)
        losses.append(float(value))
    return params, state, losses


@pytest.mark.parametrize("tx", [gradtx.adamw(0.1), gradtx.polyak_sgd(10.0)], ids=["adamw", "polyak_sgd"])
def test_a_training_is_the_plain_loop(tx: Any) -> None:
    result = train(loss_fn, PARAMS, tx, batches(), steps=STEPS)
    params, state, losses = by_hand(tx, batches(), STEPS)
    assert isinstance(result, Trained)
    same((result.params, result.state), (params, state), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result.history["loss"], losses, rtol=1e-6)
    assert result.history.names == ("loss",)


@pytest.mark.exhaustive
def test_fewer_batches_repeat_in_their_order() -> None:
    tx = gradtx.sgd(0.1)
    result = train(loss_fn, PARAMS, tx, batches(3), steps=7)
    np.testing.assert_allclose(result.history["loss"], by_hand(tx, batches(3), 7)[2], rtol=1e-6)


@pytest.mark.parametrize("take", [iter, lambda each: (batch for batch in each)], ids=["list", "generator"])
def test_an_iterator_gives_its_first_batches(take: Any) -> None:
    data = batches()
    each = [jax.tree.map(lambda x, i=index: x[i], data) for index in range(STEPS)]
    result = train(loss_fn, PARAMS, gradtx.sgd(0.1), take(each), steps=5)
    same(result, train(loss_fn, PARAMS, gradtx.sgd(0.1), data, steps=5))


class Loader:
    """An object that can only be iterated."""

    def __iter__(self) -> Any:
        return iter([(x, y) for x, y in zip(*batches(), strict=True)])


def test_a_loader_is_an_iterator() -> None:
    tx = gradtx.sgd(0.1)
    given = train(loss_fn, PARAMS, tx, batches(), steps=STEPS)
    same(train(loss_fn, PARAMS, tx, Loader(), steps=STEPS), given)


@pytest.mark.exhaustive
def test_evaluations_are_at_the_evaluation_parameters_after_each_round() -> None:
    tx = gradtx.schedule_free_sgd(0.1)
    held = jax.tree.map(lambda x: x[0], batches())
    evaluate = partial(loss_fn, batch=held)
    history = train(loss_fn, PARAMS, tx, batches(), steps=8, eval_fn=evaluate, every=4).history
    expected = []
    for steps in (4, 8):
        params, state, _ = by_hand(tx, batches(), steps)
        expected.append(float(evaluate(gradtx.eval_params(tx, state, params))))
    np.testing.assert_allclose(history["validation"], expected, rtol=1e-6)
    assert history.steps("validation").tolist() == [4, 8]
    once = train(loss_fn, PARAMS, tx, batches(), steps=8, eval_fn=evaluate).history
    np.testing.assert_allclose(once["validation"], expected[1:], rtol=1e-6)
    assert once.interval("validation") == 8


def test_an_evaluation_may_have_several_numbers() -> None:
    found = lambda params: {"size": {"out": jnp.sum(params["out"] ** 2)}, "seven": 7}  # noqa: E731
    history = train(loss_fn, PARAMS, gradtx.sgd(0.1), batches(), steps=8, eval_fn=found, every=2).history
    assert history.names == ("loss", "seven", "size.out")
    assert history["size.out"].shape == (4,)
    np.testing.assert_array_equal(history["seven"], 7.0)


@pytest.mark.exhaustive
def test_numbers_of_aux_of_measures_and_of_the_state_are_recorded() -> None:
    def with_aux(params: Any, batch: Any) -> Any:
        return loss_fn(params, batch), {"mean": jnp.mean(batch[0]), "all": batch[0]}

    tx = gradtx.guard(gradtx.sgd(0.1))
    measures = [
        gradtx.gradient_norm,
        gradtx.by_group(gradtx.update_norm, gradtx.by_path({"bias": "b", "": "w"})),
    ]
    named = {"norm": measures[0], "step": measures[1]}
    result = train(with_aux, PARAMS, tx, batches(), steps=STEPS, monitor=named)
    assert result.history.names == ("loss", "clipped", "mean", "norm", "skipped", "step.b", "step.w")
    np.testing.assert_allclose(result.history["mean"], batches()[0].mean((1, 2)), rtol=1e-5)
    grad = jax.grad(loss_fn)(PARAMS, jax.tree.map(lambda x: x[0], batches()))
    np.testing.assert_allclose(result.history["norm"][0], gradtx.global_norm(grad), rtol=1e-6)
    same(result.state, train(loss_fn, PARAMS, tx, batches(), steps=STEPS).state, rtol=1e-6)


@pytest.mark.exhaustive
def test_a_training_goes_on_with_its_state() -> None:
    tx, (x, y) = gradtx.adamw(gradtx.cosine_decay_schedule(0.1, 8)), batches()
    whole = train(loss_fn, PARAMS, tx, (x, y), steps=8)
    first = train(loss_fn, PARAMS, tx, (x[:5], y[:5]), steps=5)
    rest = partial(train, loss_fn, first.params, tx, (x[5:], y[5:]), steps=3, state=first.state)
    for second in (rest(), rest(monitor=[gradtx.gradient_norm])):
        same((second.params, second.state), (whole.params, whole.state), rtol=1e-6)
        np.testing.assert_allclose(second.history["loss"], whole.history["loss"][5:], rtol=1e-6)


@pytest.mark.exhaustive
def test_arguments_that_an_optimizer_needs_come_from_the_loss() -> None:
    for tx in (
        gradtx.polyak_sgd(0.1),
        gradtx.sam(gradtx.sgd(0.1)),
        gradtx.chain(gradtx.hutchinson_estimator_diag_hessian(), gradtx.scale(-1e-3)),
        gradtx.lbfgs(memory_size=2),
    ):
        history = train(loss_fn, PARAMS, tx, batches(), steps=2).history
        assert np.isfinite(history["loss"]).all()


def test_a_step_is_rounded_once() -> None:
    # The step 2^-8 (1 + 2^-9) rounds to 2^-8, and 1 + 2^-8 to 1. Their exact sum is nearer to 1 + 2^-7.
    result = train(
        lambda p, batch: -(2.0**-8) * p.astype(jnp.float32),
        jnp.ones((), jnp.bfloat16),
        gradtx.sgd(1 + 2.0**-9),
        jnp.zeros(1),
        steps=1,
    )
    assert float(result.params) == 1 + 2.0**-7


def test_complex_parameters_descend() -> None:
    target = jnp.array([1.0 + 2.0j, -1.0j])
    result = train(
        lambda z, batch: jnp.sum(jnp.abs(z - batch) ** 2),
        jnp.zeros(2, complex),
        gradtx.sgd(0.25),
        jnp.stack([target] * 3),
        steps=3,
    )
    np.testing.assert_allclose(result.params, target * (1 - 0.5**3), rtol=1e-6)


@pytest.mark.exhaustive
def test_seeds_have_parameters_and_orders_of_their_own() -> None:
    tx, data = gradtx.sgd(0.1), batches()
    result = train(loss_fn, init, tx, data, steps=STEPS, seeds=[3, 5])
    assert result.history.members == (2,)
    losses: list[set[float]] = []
    for index, seed in enumerate((3, 5)):
        begin = init(jax.random.key(seed))
        every = jax.vmap(partial(loss_fn, begin))(data)
        assert float(result.history["loss"][index, 0]) in map(pytest.approx, np.asarray(every).tolist())
        alone = train(loss_fn, begin, tx, data, steps=1, seeds=[seed])
        np.testing.assert_allclose(alone.history["loss"][0, 0], result.history["loss"][index, 0], rtol=1e-6)
    still = train(loss_fn, PARAMS, gradtx.sgd(0.0), data, steps=2 * STEPS, seeds=2).history["loss"]
    every = np.sort(jax.vmap(partial(loss_fn, PARAMS))(data))
    for row in np.asarray(still):
        losses.append(set(row.tolist()))
        np.testing.assert_allclose(np.sort(row[:STEPS]), every, rtol=1e-6)  # each batch once an epoch
        np.testing.assert_array_equal(row[:STEPS], row[STEPS:])
    assert not np.array_equal(still[0], still[1])
    assert not np.allclose(still[0, :STEPS], jax.vmap(partial(loss_fn, PARAMS))(data))


@pytest.mark.exhaustive
def test_it_is_a_pure_function() -> None:
    def last(rate: Any) -> Any:
        return train(loss_fn, PARAMS, gradtx.sgd(rate), batches(), steps=STEPS).history["loss"][-1]

    rates = jnp.array([0.05, 0.1])
    mapped = jax.vmap(last)(rates)
    np.testing.assert_allclose(mapped, [last(0.05), last(0.1)], rtol=1e-6)
    slope = float(jax.grad(last)(0.1))
    assert slope == pytest.approx(float(last(0.101) - last(0.099)) / 0.002, rel=0.02)


def test_a_history_is_mapped_with_its_training() -> None:
    run = partial(train, loss_fn, PARAMS, batches=batches(), steps=4)
    result = jax.vmap(lambda tx: run(tx=tx))(sweep(gradtx.sgd(0.1), learning_rate=[0.1, 0.2]).optimizer)
    assert isinstance(result.history, History)
    assert result.history.members == (2,)


def test_a_second_training_traces_nothing() -> None:
    traces: list[int] = []

    def counted(params: Any, batch: Any) -> Any:
        traces.append(1)
        return loss_fn(params, batch)

    for rate in (0.1, 0.2, 0.3):
        train(counted, PARAMS, gradtx.sgd(rate), batches(), steps=4)
    assert len(traces) == 1


def ending(params: Any, batch: Any) -> Any:
    """A loss of each example."""
    return (batch[0] @ params["kernel"]).sum(1)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no number": (
        {"loss_fn": ending},
        r"loss_fn must return one number, got .* \(16,\): take its mean",
    ),
    "a bad round": ({"every": 3}, "8 steps are no whole number of rounds of 3"),
    "no steps": ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
    "no axis": ({"batches": jnp.array(1.0)}, "the array: a number"),
    "two lengths": ({"batches": (jnp.zeros((8, 2)), jnp.zeros(7))}, r"\[0\]: 8, \[1\]: 7"),
    "no batches": ({"batches": jnp.zeros((0, 2))}, "got the array: 0"),
    "no arrays": ({"batches": {}}, "got no array"),
    "an empty iterator": ({"batches": iter(())}, "the iterator gives none. A generator can be read once"),
    "an argument": (
        {"tx": gradtx.accumulate(gradtx.sgd(0.1), 2, weighted=True)},
        "accumulate needs weight in update, which this loop does not pass. It passes grad, ",
    ),
    "one name twice": (
        {"tx": gradtx.monitor({"loss": lambda value: value}, gradtx.sgd(0.1))},
        "Two numbers of a step are called 'loss'",
    ),
    "a function without seeds": ({"params": init}, "the function init makes parameters from a key"),
    "bad seeds": ({"seeds": 0}, "seeds must be a whole number of at least 1"),
    "no seeds": ({"seeds": []}, "seeds: there is none"),
    "a state with seeds": ({"state": (), "seeds": 2}, "a state goes with one optimizer and no seeds"),
    "chunks of one": ({"batch_size": 2}, "batch_size is .* and needs a Sweep"),
    "an evaluation": (
        {"eval_fn": lambda params: params["out"]},
        r"eval_fn must return one number, got an array of the shape \(6, 2\)",
    ),
}


@pytest.mark.parametrize(("wrong", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], message: str) -> None:
    given = {"loss_fn": loss_fn, "params": PARAMS, "tx": gradtx.sgd(0.1), "batches": batches(), "steps": 8}
    with pytest.raises(ValueError, match=message):
        train(**(given | wrong))

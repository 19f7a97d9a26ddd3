"""Vitals: their numbers against plain NumPy, the size of their state, and what they read of memory."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.practice import sweep, train, vitals
from gradtx.practice._noise_scale import noise_scale
from gradtx.practice._samples import gradient_cosine, sampled, square_ratio, update_cosine
from gradtx.practice._vitals import idle_share, loss_statistics, not_finite
from tests.practice.regression import PARAMS, STEPS, batches, loss_fn

LARGE = {f"layer {i}": {"kernel": jnp.zeros((256, 256)), "bias": jnp.zeros(256)} for i in range(3)}
SIZE = sum(leaf.nbytes for leaf in jax.tree.leaves(LARGE))


def bytes_accessed(tx: Any) -> float:
    """The bytes that a compiled step reads and writes, as a multiple of those of the parameters."""

    def step(params: Any, state: Any, gradients: Any) -> Any:
        updates, state = tx.wide_update(gradients, state, params)
        return gradtx.apply_updates(params, updates), state

    compiled = (
        jax.jit(step, donate_argnums=(0, 1)).lower(LARGE, jax.eval_shape(tx.init, LARGE), LARGE).compile()
    )
    return compiled.cost_analysis()["bytes accessed"] / SIZE


@pytest.mark.exhaustive
def test_the_passes_over_memory_are_counted() -> None:
    """A sample counts as the whole array that it is taken of, so that the true number is lower."""
    plain = bytes_accessed(gradtx.adamw(1e-3))
    extra = bytes_accessed(gradtx.monitor(vitals(), gradtx.adamw(1e-3))) - plain
    assert 5 < extra < 22


@pytest.mark.parametrize("groups", [1, 8, 60])
def test_the_state_takes_a_megabyte_at_most(groups: int) -> None:
    shape = jax.ShapeDtypeStruct((4096, 4096), jnp.bfloat16)
    params = {f"group {i}": {"kernel": shape} for i in range(groups)}
    state = jax.eval_shape(gradtx.monitor(vitals()).init, params)
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    assert size <= 2**20
    assert size > 2 * 4 * min(4096 * groups, 2**15)


@pytest.mark.exhaustive
def test_a_training_records_them_by_group() -> None:
    history = train(loss_fn, PARAMS, gradtx.sgd(0.1), batches(), steps=STEPS, monitor=vitals()).history
    params, last = PARAMS, None
    for step in range(STEPS):
        batch = jax.tree.map(lambda x, i=step: x[i], batches())
        g = jax.grad(loss_fn)(params, batch)
        u = jax.tree.map(lambda x: -0.1 * x, g)
        for name in PARAMS:
            flat, way = np.ravel(g[name]), np.ravel(u[name])
            size = float(jnp.linalg.norm(params[name]))
            expected = {
                "gradient_norm": np.linalg.norm(flat),
                "update_norm": np.linalg.norm(way),
                "param_norm": size,
            }
            expected["update_ratio"] = 0.0 if size == 0 else np.linalg.norm(way) / size
            if last is not None:
                before = np.ravel(last[name])
                cosine = flat @ before / np.linalg.norm(flat) / np.linalg.norm(before)
                expected |= {"gradient_cosine": cosine, "update_cosine": cosine}
            for series, number in expected.items():
                np.testing.assert_allclose(history[f"{series}.{name}"][step], number, rtol=2e-4, atol=1e-6)
        last, params = g, gradtx.apply_updates(params, u)
    assert (history["not_finite"] == -1).all()


@pytest.mark.exhaustive
def test_a_sample_is_fixed_and_of_every_leaf() -> None:
    tree = {
        "a": {"kernel": jnp.arange(90000.0).reshape(300, 300), "bias": jnp.arange(1000.0)},
        "b": jnp.ones(3),
    }
    one, again = sampled(tree, 100), sampled(jax.tree.map(lambda x: 2 * x, tree), 100)
    assert {name: len(x) for name, x in one.items()} == {"a": 99, "b": 3}
    np.testing.assert_array_equal(2 * one["a"], again["a"])
    assert jnp.unique(one["a"] % 300).size > 60  # no single column
    assert one["a"].max() > 80000


@pytest.mark.exhaustive
def test_an_update_that_is_left_out_leaves_the_cosine() -> None:
    tx = gradtx.monitor({"cosine": update_cosine()}, gradtx.accumulate(gradtx.sgd(1.0), 2))
    state, seen = tx.init(jnp.zeros(2)), []
    for g in ([1.0, 0.0], [1.0, 0.0], [0.0, 2.0], [0.0, 2.0], [5.0, 5.0], [-5.0, -7.0]):
        _, state = tx.update(jnp.array(g), state)
        seen.append(float(gradtx.metrics(state)["cosine"]["all"]))
    np.testing.assert_allclose(seen, [0, 0, 0, 0, 0, -1], atol=1e-6)


def in_one_group(tx: Any) -> Any:
    return gradtx.partition({"x": tx}, lambda params: jax.tree.map(lambda _: "x", params))


@pytest.mark.parametrize("wrap", [gradtx.chain, gradtx.guard, in_one_group])
def test_the_squares_are_compared_with_the_second_moment_of_the_state(wrap: Any) -> None:
    tx = gradtx.monitor({"ratio": square_ratio}, wrap(gradtx.scale_by_adam(b2=0.75)))
    params = {"a": jnp.zeros(2), "b": jnp.zeros(1)}
    state = tx.init(params)
    for size in (2.0, 4.0):
        _, state = tx.update({"a": jnp.full(2, size), "b": jnp.ones(1)}, state, params)
    ratio = gradtx.metrics(state)["ratio"]
    np.testing.assert_allclose(ratio["a"], 16 / (0.75 * 0.25 * 4 + 0.25 * 16), rtol=1e-6)


def test_without_a_second_moment_nothing_is_compared() -> None:
    """A second moment of another form, such as that of Adafactor, is none."""
    for tx in (gradtx.sgd(0.1), gradtx.adafactor(0.1)):
        assert square_ratio(PARAMS, tx.init(PARAMS)) == {}


@pytest.mark.exhaustive
def test_the_noise_scale_is_that_of_the_gradients() -> None:
    """Gradients of mean 1 and variance 4 in each of 1000 elements: B = 4."""
    tx = gradtx.monitor({"noise": noise_scale(0.98)}, gradtx.accumulate(gradtx.sgd(0.0), 4))
    g = 1 + 2 * jax.random.normal(jax.random.key(0), (400, 1000))
    step = jax.jit(lambda state, g: (tx.update(g, state)[1], gradtx.metrics(state)["noise"]))
    state, _ = jax.lax.scan(step, tx.init(jnp.zeros(1000)), g)
    np.testing.assert_allclose(gradtx.metrics(state)["noise"], 4.0, rtol=0.1)
    assert (
        "noise_scale"
        not in train(loss_fn, PARAMS, gradtx.sgd(0.1), batches(), steps=8, monitor=vitals()).history.names
    )


@pytest.mark.exhaustive
def test_idle_units_and_leaves_that_are_not_finite() -> None:
    kernel = jnp.ones((2, 4)).at[:, :3].set(0)
    gradients = {
        "a": {"up": kernel, "down": jnp.ones((4, 2)), "bias": jnp.zeros(9)},
        "b": jnp.array([jnp.nan]),
    }
    assert {name: float(x) for name, x in idle_share(gradients).items()} == {"a": 0.75}
    assert [int(not_finite(x)) for x in (gradients, gradients["a"])] == [3, -1]


@pytest.mark.exhaustive
def test_the_loss_and_the_clipping_are_recorded_on_request() -> None:
    measures = vitals(max_norm=1.0, loss=True)
    tx = gradtx.monitor(measures)
    assert "value" in tx.needs
    assert "value" not in gradtx.monitor(vitals()).needs
    state, losses, update = tx.init(PARAMS), [3.0, 5.0, 4.0], jax.jit(tx.update)
    mean, variance = losses[0], 0.0
    for loss in losses:
        _, state = update(PARAMS, state, PARAMS, value=loss)
        old, mean = mean, mean + 0.05 * (loss - mean)
        variance = 0.95 * variance + 0.05 * (loss - old) * (loss - mean)
    found = gradtx.metrics(state)
    np.testing.assert_allclose(
        [found["loss"]["mean"], found["loss"]["variance"]], [mean, variance], rtol=1e-5
    )
    np.testing.assert_allclose(found["clipped_share"], 1.0, rtol=1e-6)
    assert loss_statistics(0.5).decay == 0.5


@pytest.mark.exhaustive
def test_the_sharpness_is_the_largest_eigenvalue_of_the_hessian() -> None:
    """Of a quadratic with the eigenvalues 1 and 9, in axes that no leaf has, beside an integer."""
    turn = jnp.array([[0.6, -0.8], [0.8, 0.6]])
    hessian = turn @ jnp.diag(jnp.array([1.0, 9.0])) @ turn.T
    params = {"a": jnp.ones(1), "b": jnp.ones(1), "n": jnp.array(3)}

    def loss(params: Any) -> Any:
        x = jnp.concatenate([params["a"], params["b"]])
        return x @ hessian @ x / 2

    tx = gradtx.monitor(vitals(every=2), gradtx.sgd(0.01))
    grad_fn = jax.grad(loss, allow_int=True)
    state, found = tx.init(params), []
    for _ in range(20):
        _, state = jax.jit(partial(tx.update, grad_fn=grad_fn))(grad_fn(params), state, params)
        found.append(float(gradtx.metrics(state)["sharpness"]))
    assert found[-1] == pytest.approx(9, rel=1e-4)
    assert found[0] < 9
    assert found[0::2] == found[1::2]  # every other step
    assert len(set(found)) > 3


@pytest.mark.exhaustive
def test_a_training_passes_what_the_sharpness_needs() -> None:
    def loss_fn(w: Any, batch: Any) -> Any:
        return 1.5 * jnp.sum(w**2) + 0 * jnp.sum(batch)

    result = train(
        loss_fn, jnp.ones(2), gradtx.sgd(0.01), jnp.zeros((8, 1)), steps=8, monitor=vitals(every=1)
    )
    np.testing.assert_allclose(result.history["sharpness"], 3.0, rtol=1e-5)


def test_every_array_of_the_state_is_its_own() -> None:
    """A state may be donated, and no array twice."""
    tx = gradtx.monitor(vitals(loss=True), gradtx.adamw(0.1))
    step = jax.jit(lambda g, s, p: tx.update(g, s, p, value=1.0), donate_argnums=1)
    _, state = step(PARAMS, tx.init(PARAMS), PARAMS)
    step(PARAMS, state, PARAMS)


@pytest.mark.exhaustive
def test_it_stacks_and_maps() -> None:
    history = train(
        loss_fn,
        PARAMS,
        sweep(gradtx.adam(0.1), learning_rate=[0.01, 0.1]),
        batches(),
        steps=8,
        monitor=vitals(),
    ).history
    alone = train(loss_fn, PARAMS, gradtx.adam(0.1), batches(), steps=8, monitor=vitals()).history
    for name in alone.names:
        np.testing.assert_allclose(history[name][1], alone[name], rtol=2e-3, atol=1e-5, err_msg=name)
    assert gradient_cosine() == gradient_cosine(4096)

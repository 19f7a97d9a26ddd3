"""Training with dictionaries of arrays and nothing but JAX."""

import pickle

import chex
import jax
import jax.numpy as jnp
import pytest

import gradtx
from tests.training.problem import (
    STEPS,
    assert_same_run,
    data,
    initial_params,
    loss,
    optimizer,
    reference_run,
    schedule,
    train,
)


def train_step(tx, params, state):
    """One step, with the optimizer as an argument."""
    value, gradients = jax.value_and_grad(loss)(params, *data())
    updates, state = tx.update(gradients, state, params)
    return gradtx.apply_updates(params, updates), state, value


def test_the_loss_falls_a_hundredfold():
    losses, _ = reference_run()
    assert losses[-1] < losses[0] / 100


@pytest.mark.exhaustive
def test_without_the_optimizer_s_parts_the_run_is_another():
    """The problem tells apart what the other tests say is equal."""
    tx = optimizer()
    for other in (
        gradtx.chain(*tx.transformations[1:]),
        gradtx.replace(tx, weight_decay=0.0),
        gradtx.replace(tx, mask=None),
        gradtx.replace(tx, learning_rate=gradtx.constant_schedule(0.1)),
    ):
        with pytest.raises(AssertionError):
            assert_same_run(*train(other, initial_params()))


@pytest.mark.exhaustive
def test_outside_of_jit():
    tx, params = optimizer(), initial_params()
    state, losses = tx.init(params), []
    for _ in range(STEPS):
        value, gradients = jax.value_and_grad(loss)(params, *data())
        updates, state = tx.update(gradients, state, params)
        params = gradtx.apply_updates(params, updates)
        losses.append(float(value))
    assert_same_run(losses, params)


def test_inside_scan():
    tx = optimizer()

    @jax.jit
    def run(params):
        def body(carry, _):
            params, state, value = train_step(tx, *carry)
            return (params, state), value

        (params, state), losses = jax.lax.scan(body, (params, tx.init(params)), length=STEPS)
        return losses, params, state

    losses, params, state = run(initial_params())
    assert_same_run(losses, params)
    assert gradtx.hyperparams(tx, state)["learning_rate"] == pytest.approx(float(schedule()(STEPS)))


def test_donated_buffers_are_reused():
    """A warning that a donated buffer was of no use would be an error here."""
    tx, params = optimizer(), initial_params()
    step = jax.jit(train_step, donate_argnums=(1, 2))
    state, losses = jax.jit(tx.init)(params), []
    for _ in range(STEPS):
        before = jax.tree.leaves((params, state))
        params, state, value = step(tx, params, state)
        assert all(array.is_deleted() for array in before)
        losses.append(float(value))
    assert_same_run(losses, params)


@pytest.mark.exhaustive
def test_two_learning_rates_take_one_trace():
    traces = []

    @jax.jit
    def step(tx, params, state):
        traces.append(tx)
        return train_step(tx, params, state)

    for rate in (0.1, 0.01):
        tx, params = optimizer(rate), initial_params()
        state = tx.init(params)
        for _ in range(3):
            params, state, _ = step(tx, params, state)
        _, expected = train(tx, initial_params(), steps=3)
        # A traced rate is float32, a closed-over one is turned into float32 later.
        chex.assert_trees_all_close(params, expected, rtol=1e-5, atol=1e-6)
    assert len(traces) == 1


def test_closed_over_and_as_an_argument_agree():
    tx, params = optimizer(), initial_params()
    step = jax.jit(train_step)
    state, losses = tx.init(params), []
    for _ in range(STEPS):
        params, state, value = step(tx, params, state)
        losses.append(float(value))
    assert_same_run(losses, params)


def test_as_a_static_argument_an_equal_optimizer_takes_no_new_trace():
    traces = []

    def step(tx, params, state):
        traces.append(tx)
        return train_step(tx, params, state)

    jitted = jax.jit(step, static_argnums=0)
    params = initial_params()
    results = []
    for rate in (0.1, 0.1, 0.01):
        tx = optimizer(rate)
        results.append(jitted(tx, params, tx.init(params))[0])
    assert len(traces) == 2
    chex.assert_trees_all_equal(results[0], results[1])
    with pytest.raises(AssertionError):
        chex.assert_trees_all_close(results[0], results[2])


def test_resumes_from_a_pickle_in_the_middle():
    """Optimizer, parameters and state go through bytes halfway, and the run is the same."""
    tx, params = optimizer(), initial_params()
    step = jax.jit(train_step)
    state, losses = tx.init(params), []
    for count in range(STEPS):
        if count == STEPS // 2:
            tx, params, state = pickle.loads(pickle.dumps((tx, params, state)))
        params, state, value = step(tx, params, state)
        losses.append(float(value))
    assert_same_run(losses, params)


@pytest.mark.exhaustive
def test_in_bfloat16_the_loss_falls_too():
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), initial_params())
    inputs, targets = (array.astype(jnp.bfloat16) for array in data())
    tx = optimizer()

    @jax.jit
    def run(params):
        def body(carry, _):
            params, state = carry
            value, gradients = jax.value_and_grad(loss)(params, inputs, targets)
            updates, state = tx.update(gradients, state, params)
            return (gradtx.apply_updates(params, updates), state), value

        return jax.lax.scan(body, (params, tx.init(params)), length=STEPS)

    (params, state), losses = run(params)
    assert losses[-1] < losses[0] / 50
    assert {array.dtype.name for array in jax.tree.leaves(params)} == {"bfloat16"}
    assert {array.dtype.name for array in jax.tree.leaves(state)} == {"float32", "int32"}

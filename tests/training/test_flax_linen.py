"""Training with Flax Linen and its `TrainState`, which keeps the optimizer as static data."""

import chex
import jax
import jax.numpy as jnp
import optax
import pytest
from flax import linen
from flax.training.train_state import TrainState

import gradtx
from tests.training.problem import (
    HIDDEN,
    STEPS,
    assert_same_run,
    data,
    initial_params,
    optimizer,
    squared_error,
)


class Network(linen.Module):
    """The network of the problem, with its names."""

    @linen.compact
    def __call__(self, inputs):
        hidden = jnp.tanh(linen.Dense(HIDDEN, name="hidden")(inputs))
        return linen.Dense(1, name="out")(hidden)


NETWORK = Network()


def new_train_state(tx):
    params = NETWORK.init(jax.random.key(0), data()[0])["params"]
    chex.assert_trees_all_equal_shapes_and_dtypes(params, initial_params())
    return TrainState.create(apply_fn=NETWORK.apply, params=initial_params(), tx=tx)


def train_step(train_state):
    inputs, targets = data()

    def loss(params):
        return squared_error(train_state.apply_fn({"params": params}, inputs), targets)

    value, gradients = jax.value_and_grad(loss)(train_state.params)
    return train_state.apply_gradients(grads=gradients), value


@pytest.mark.exhaustive
def test_under_jit_with_donation():
    train_state, losses = new_train_state(optimizer()), []
    step = jax.jit(train_step, donate_argnums=0)
    for _ in range(STEPS):
        before = jax.tree.leaves((train_state.params, train_state.opt_state))
        train_state, value = step(train_state)
        assert all(array.is_deleted() for array in before)
        losses.append(float(value))
    assert int(train_state.step) == STEPS
    assert_same_run(losses, train_state.params)
    assert losses[-1] < losses[0] / 100


def test_inside_scan():
    train_state = new_train_state(optimizer())

    @jax.jit
    def run(train_state):
        return jax.lax.scan(lambda carry, _: train_step(carry), train_state, length=STEPS)

    train_state = train_state.replace(step=jnp.asarray(0))
    train_state, losses = run(train_state)
    assert_same_run(losses, train_state.params)


@pytest.mark.exhaustive
def test_an_equal_optimizer_takes_no_new_trace_and_another_rate_does():
    traces = []

    @jax.jit
    def step(train_state):
        traces.append(train_state.tx)
        return train_step(train_state)

    first, again = (step(new_train_state(optimizer(0.1)))[0] for _ in range(2))
    assert len(traces) == 1
    chex.assert_trees_all_equal(first.params, again.params)

    train_state = new_train_state(optimizer(0.1))
    still = train_state.replace(tx=gradtx.replace(train_state.tx, learning_rate=0.0))
    chex.assert_trees_all_equal(step(still)[0].params, initial_params())
    assert len(traces) == 2


def test_in_a_chain_of_optax_s():
    tx = optimizer()
    train_state, losses = new_train_state(optax.chain(*tx.transformations)), []
    step = jax.jit(train_step)
    for _ in range(STEPS):
        train_state, value = step(train_state)
        losses.append(float(value))
    assert_same_run(losses, train_state.params)

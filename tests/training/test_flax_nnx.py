"""Training with Flax NNX and its `Optimizer`, which keeps the transformation as static data."""

import chex
import jax
import jax.numpy as jnp
import pytest
from flax import nnx

import gradtx
from tests.training.problem import (
    HIDDEN,
    STEPS,
    assert_same_run,
    data,
    initial_params,
    optimizer,
    squared_error,
    train,
)


class Network(nnx.Module):
    """The network of the problem, with a counter that is no parameter."""

    def __init__(self, rngs):
        self.hidden = nnx.Linear(3, HIDDEN, rngs=rngs)
        self.out = nnx.Linear(HIDDEN, 1, rngs=rngs)
        self.calls = nnx.BatchStat(jnp.asarray(0))

    def __call__(self, inputs):
        self.calls[...] += 1
        return self.out(jnp.tanh(self.hidden(inputs)))


def new_network():
    network = Network(nnx.Rngs(0))
    nnx.update(network, initial_params())
    return network


def params_of(network):
    return nnx.to_pure_dict(nnx.state(network, nnx.Param))


def train_step(network, optimizer):
    inputs, targets = data()
    value, gradients = nnx.value_and_grad(lambda network: squared_error(network(inputs), targets))(network)
    optimizer.update(network, gradients)
    return value


@pytest.mark.exhaustive
def test_under_jit():
    network = new_network()
    training = nnx.Optimizer(network, optimizer(), wrt=nnx.Param)
    step = nnx.jit(train_step)
    losses = [float(step(network, training)) for _ in range(STEPS)]
    assert int(training.step[...]) == int(network.calls[...]) == STEPS
    assert_same_run(losses, params_of(network))
    assert losses[-1] < losses[0] / 100


def test_under_jit_with_donation():
    network = new_network()
    training = nnx.Optimizer(network, optimizer(), wrt=nnx.Param)
    step = nnx.jit(train_step, donate_argnums=(0, 1))
    losses = []
    for _ in range(STEPS):
        before = jax.tree.leaves((nnx.state(network), nnx.state(training)))
        losses.append(float(step(network, training)))
        assert all(array.is_deleted() for array in before)
    assert_same_run(losses, params_of(network))


def test_split_and_merged_inside_scan():
    network = new_network()
    graph, state = nnx.split((network, nnx.Optimizer(network, optimizer(), wrt=nnx.Param)))

    def body(state, _):
        network, training = nnx.merge(graph, state)
        value = train_step(network, training)
        return nnx.state((network, training)), value

    state, losses = jax.jit(lambda state: jax.lax.scan(body, state, length=STEPS))(state)
    network, training = nnx.merge(graph, state)
    assert_same_run(losses, params_of(network))
    assert int(training.step[...]) == STEPS


def test_with_params_and_state_kept_apart():
    """The functional style: `nnx.split` once, and the optimizer a value beside the parameters."""
    graph, params, rest = nnx.split(new_network(), nnx.Param, ...)

    @jax.jit
    def step(tx, params, state):
        def loss(params):
            inputs, targets = data()
            return squared_error(nnx.merge(graph, params, rest, copy=True)(inputs), targets)

        value, gradients = jax.value_and_grad(loss)(params)
        updates, state = tx.update(gradients, state, params)
        return gradtx.apply_updates(params, updates), state, value

    tx = optimizer()
    state, losses = tx.init(params), []
    for _ in range(STEPS):
        params, state, value = step(tx, params, state)
        losses.append(float(value))
    assert_same_run(losses, nnx.to_pure_dict(params))


@pytest.mark.parametrize("rates", [(0.1, 0.0), (0.0, 0.1)])
def test_the_learning_rate_can_be_changed_between_steps(rates):
    network = new_network()
    training = nnx.Optimizer(network, optimizer(rates[0]), wrt=nnx.Param)
    step = nnx.jit(train_step)
    for rate in rates:
        training.tx = gradtx.replace(training.tx, learning_rate=rate)
        before = params_of(network)
        step(network, training)
        moved = jax.tree.map(lambda old, new: bool(jnp.any(old != new)), before, params_of(network))
        assert set(jax.tree.leaves(moved)) == {rate > 0}


def test_a_transformation_kept_as_data_changes_its_rate_without_a_new_trace():
    traces = []

    @nnx.jit
    def step(network, training):
        traces.append(training)
        return train_step(network, training)

    network = new_network()
    training = nnx.Optimizer(network, optimizer(0.1), wrt=nnx.Param)
    for rate in (0.1, 0.0, 0.05):
        changed = gradtx.replace(training.tx, learning_rate=rate)
        training.tx = nnx.data(jax.tree.map(jnp.asarray, changed))  # NNX takes plain numbers for static
        before = params_of(network)
        step(network, training)
        if rate == 0.0:
            chex.assert_trees_all_equal(params_of(network), before)
    assert len(traces) == 1


def test_an_equal_optimizer_takes_no_new_trace():
    traces = []

    @nnx.jit
    def step(network, training):
        traces.append(training)
        return train_step(network, training)

    for _ in range(2):
        network = new_network()
        step(network, nnx.Optimizer(network, optimizer(0.1), wrt=nnx.Param))
    assert len(traces) == 1


@pytest.mark.exhaustive
def test_an_array_as_hyperparameter_is_no_obstacle():
    """NNX refuses arrays in static attributes; a concrete scalar one is kept as a NumPy scalar."""
    network = new_network()
    training = nnx.Optimizer(network, optimizer(jnp.asarray(0.1)), wrt=nnx.Param)
    nnx.jit(train_step)(network, training)
    _, expected = train(optimizer(0.1), initial_params(), steps=1)
    chex.assert_trees_all_close(params_of(network), expected, rtol=1e-6)

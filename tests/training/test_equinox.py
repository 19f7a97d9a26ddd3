"""Training with Equinox, whose models hold functions, integers and static fields among the parameters."""

from collections.abc import Callable
from typing import Any

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

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


class Dense(eqx.Module):
    """A dense layer."""

    kernel: jax.Array
    bias: jax.Array

    def __call__(self, inputs):
        return inputs @ self.kernel + self.bias[None, :]


class Network(eqx.Module):
    """The network of the problem, and what a rule must leave alone."""

    hidden: Dense
    out: Dense
    activation: Callable[[Any], Any]
    units: jax.Array
    absent: Any
    name: str = eqx.field(static=True)

    def __call__(self, inputs):
        return self.out(self.activation(self.hidden(inputs)))


def new_network():
    params = initial_params()
    return Network(
        hidden=Dense(**params["hidden"]),
        out=Dense(**params["out"]),
        activation=jnp.tanh,
        units=jnp.asarray(HIDDEN),
        absent=None,
        name="network",
    )


def params_of(network):
    return {"hidden": vars(network.hidden), "out": vars(network.out)}


def loss(network):
    inputs, targets = data()
    return squared_error(network(inputs), targets)


@pytest.mark.parametrize(
    ("is_array", "apply_updates"),
    [(eqx.is_inexact_array, eqx.apply_updates), (eqx.is_array, gradtx.apply_updates)],
    ids=["inexact arrays, eqx.apply_updates", "integers too, gradtx.apply_updates"],
)
def test_under_filter_jit(is_array, apply_updates):
    tx, network = optimizer(), new_network()

    @eqx.filter_jit
    def step(network, state):
        value, gradients = eqx.filter_value_and_grad(loss)(network)
        updates, state = tx.update(gradients, state, eqx.filter(network, is_array))
        return apply_updates(network, updates), state, value

    state, losses = tx.init(eqx.filter(network, is_array)), []
    for _ in range(STEPS):
        network, state, value = step(network, state)
        losses.append(float(value))
    assert_same_run(losses, params_of(network))
    assert losses[-1] < losses[0] / 100
    assert (network.activation, int(network.units), network.absent) == (jnp.tanh, HIDDEN, None)


@pytest.mark.exhaustive
def test_the_whole_model_may_stand_for_the_parameters():
    """Where the gradient is None anything may stand in `params`, a function too."""
    tx, network = optimizer(0.1), new_network()
    gradients = eqx.filter_grad(loss)(network)
    arrays = eqx.filter(network, eqx.is_inexact_array)
    state = tx.init(arrays)
    expected, _ = tx.update(gradients, state, arrays)
    updates, _ = tx.update(gradients, state, network)
    chex.assert_trees_all_equal(updates, expected)


@pytest.mark.exhaustive
def test_with_donation():
    tx, network = optimizer(), new_network()

    @eqx.filter_jit(donate="all")
    def step(network, state):
        value, gradients = eqx.filter_value_and_grad(loss)(network)
        updates, state = tx.update(gradients, state, eqx.filter(network, eqx.is_inexact_array))
        return eqx.apply_updates(network, updates), state, value

    state, losses = tx.init(eqx.filter(network, eqx.is_inexact_array)), []
    for _ in range(STEPS):
        before = jax.tree.leaves(eqx.filter((network, state), eqx.is_inexact_array))
        network, state, value = step(network, state)
        assert all(array.is_deleted() for array in before)
        losses.append(float(value))
    assert_same_run(losses, params_of(network))


def test_partitioned_inside_scan():
    tx = optimizer()
    params, rest = eqx.partition(new_network(), eqx.is_inexact_array)

    def body(carry, _):
        params, state = carry
        value, gradients = jax.value_and_grad(lambda params: loss(eqx.combine(params, rest)))(params)
        updates, state = tx.update(gradients, state, params)
        return (gradtx.apply_updates(params, updates), state), value

    @jax.jit
    def run(params):
        return jax.lax.scan(body, (params, tx.init(params)), length=STEPS)

    (params, _), losses = run(params)
    assert_same_run(losses, params_of(eqx.combine(params, rest)))


def test_a_part_of_the_model_can_be_frozen():
    """Gradients of a part are None elsewhere, and there nothing moves."""
    tx, network = optimizer(0.1), new_network()
    trainable = eqx.tree_at(
        lambda tree: (tree.out.kernel, tree.out.bias), jax.tree.map(lambda _: False, network), (True, True)
    )
    params, rest = eqx.partition(network, trainable)
    gradients = jax.grad(lambda params: loss(eqx.combine(params, rest)))(params)
    updates, _ = tx.update(gradients, tx.init(params), params)
    moved = eqx.apply_updates(network, updates)
    chex.assert_trees_all_equal(vars(moved.hidden), vars(network.hidden))
    assert bool(jnp.all(moved.out.kernel != network.out.kernel))


def test_the_optimizer_can_stand_in_a_module():
    """The optimizer is a pytree: a module holds it as a field, and its rate is no constant of the program."""
    traces = []

    class Trainer(eqx.Module):
        network: Network
        tx: gradtx.GradientTransformation
        state: Any

        @eqx.filter_jit
        def step(self):
            traces.append(self)
            gradients = eqx.filter_grad(loss)(self.network)
            arrays = eqx.filter(self.network, eqx.is_inexact_array)
            updates, state = self.tx.update(gradients, self.state, arrays)
            return Trainer(eqx.apply_updates(self.network, updates), self.tx, state)

    network = new_network()
    tx = jax.tree.map(jnp.asarray, optimizer(0.1))  # Equinox takes plain numbers for static
    trainer = Trainer(network, tx, tx.init(eqx.filter(network, eqx.is_inexact_array)))
    trainer = trainer.step()
    still = jax.tree.map(jnp.asarray, gradtx.replace(trainer.tx, learning_rate=0.0))
    stopped = eqx.tree_at(lambda trainer: trainer.tx, trainer, still).step()
    chex.assert_trees_all_equal(params_of(stopped.network), params_of(trainer.network))
    assert bool(jnp.any(trainer.network.out.kernel != network.out.kernel))
    assert len(traces) == 1

"""Eight optimizers trained at once: `jax.vmap` over stacked optimizers."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from tests.training.problem import data, initial_params, loss, optimizer, schedule, train

RATES = np.geomspace(1e-3, 0.9, 8).astype(np.float32)
STEPS = 20

SWEEPS = {
    "rates of adamw": gradtx.adamw,
    "rates of a chain": optimizer,
    "peaks of a schedule": lambda rate: optimizer(schedule(rate)),
    "decays of a trace": lambda rate: gradtx.sgd(0.05, momentum=1.0 - rate),
}


@pytest.mark.parametrize("make", SWEEPS.values(), ids=SWEEPS)
def test_each_member_equals_its_own_run(make):
    optimizers = jax.vmap(make)(jnp.asarray(RATES))
    losses, params = jax.vmap(run, in_axes=(0, None))(optimizers, initial_params())
    assert losses.shape == (8, STEPS)
    for index, rate in enumerate(RATES):
        expected_losses, expected_params = run(make(rate), initial_params())
        member = jax.tree.map(lambda leaf, index=index: leaf[index], params)
        # A batched matrix product sums in another order; 20 steps at high rates magnify that to 7e-5.
        chex.assert_trees_all_close(member, expected_params, rtol=5e-4, atol=5e-5)
        np.testing.assert_allclose(losses[index], expected_losses, rtol=5e-4)
    assert len(np.unique(losses[:, -1])) == 8


@jax.jit
def run(tx, params):
    def body(carry, _):
        params, state = carry
        value, gradients = jax.value_and_grad(loss)(params, *data())
        updates, state = tx.update(gradients, state, params)
        return (gradtx.apply_updates(params, updates), state), value

    (params, _), losses = jax.lax.scan(body, (params, tx.init(params)), length=STEPS)
    return losses, params


@pytest.mark.exhaustive
def test_the_rate_that_trains_best_is_neither_the_least_nor_the_greatest():
    optimizers = jax.vmap(optimizer)(jnp.asarray(RATES))
    losses, _ = jax.vmap(run, in_axes=(0, None))(optimizers, initial_params())
    assert 0 < int(jnp.argmin(losses[:, -1])) < 7


@pytest.mark.exhaustive
def test_a_grid_of_two_hyperparameters():
    def make(rate, decay):
        return gradtx.adamw(rate, weight_decay=decay)

    grid = jax.vmap(jax.vmap(make, (None, 0)), (0, None))
    rates, decays = jnp.array([0.01, 0.1]), jnp.array([0.0, 0.1, 1.0])
    losses, _ = jax.vmap(jax.vmap(run, (0, None)), (0, None))(grid(rates, decays), initial_params())
    assert losses.shape == (2, 3, STEPS)
    expected, _ = train(gradtx.adamw(0.1, weight_decay=1.0), initial_params(), STEPS)
    np.testing.assert_allclose(losses[1, 2], expected, rtol=5e-4)


@pytest.mark.exhaustive
def test_the_rate_is_differentiable():
    """A hypergradient: how the loss after a few steps answers to the learning rate."""

    def final_loss(rate):
        losses, _ = run(gradtx.sgd(rate, momentum=0.5), initial_params())
        return losses[-1]

    slope = jax.grad(final_loss)(jnp.asarray(0.02))
    difference = (final_loss(jnp.asarray(0.021)) - final_loss(jnp.asarray(0.019))) / 0.002
    assert float(slope) == pytest.approx(float(difference), rel=0.02)
    assert slope < 0

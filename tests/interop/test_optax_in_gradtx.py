"""Optax's objects stand in gradtx's chains, joins and hyperparameters."""

import chex
import jax
import jax.numpy as jnp
import optax
import pytest

import gradtx
from tests.interop.trajectories import assert_same_trajectory, some_params, trajectory, value_at

COSINE = optax.cosine_decay_schedule(0.1, decay_steps=5)
WEIGHTS_ONLY = {"w": True, "b": False}


def multi_transform():
    return optax.multi_transform({"a": optax.adam(0.1), "z": optax.sgd(0.2)}, {"w": "a", "b": "z"})


FOREIGN = {
    "scale_by_adam": lambda: optax.scale_by_adam(b1=0.8),
    "scheduled learning rate": lambda: optax.scale_by_learning_rate(COSINE),
    "masked": lambda: optax.masked(optax.scale_by_adam(), WEIGHTS_ONLY),
    "multi_transform": multi_transform,
    "inject_hyperparams": lambda: optax.inject_hyperparams(optax.adam)(learning_rate=COSINE),
    "add_decayed_weights": lambda: optax.add_decayed_weights(0.1, mask=WEIGHTS_ONLY),
    "chain": lambda: optax.chain(optax.trace(0.9), optax.scale(0.5)),
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_between_transformations_of_gradtx(foreign):
    assert_same_trajectory(
        gradtx.chain(gradtx.clip_by_global_norm(1.0), foreign(), gradtx.trace(0.5), gradtx.scale(-0.1)),
        optax.chain(optax.clip_by_global_norm(1.0), foreign(), optax.trace(0.5), optax.scale(-0.1)),
    )


EXTRA_ARGUMENTS = {
    "polyak": optax.scale_by_polyak,
    "reduce_on_plateau": lambda: optax.contrib.reduce_on_plateau(patience=1, factor=0.5),
    "inject_hyperparams": lambda: optax.inject_hyperparams(optax.scale_by_polyak)(max_learning_rate=0.5),
}


@pytest.mark.parametrize("foreign", EXTRA_ARGUMENTS.values(), ids=EXTRA_ARGUMENTS)
def test_extra_arguments_reach_it(foreign):
    value = (lambda step: 3.0) if foreign is EXTRA_ARGUMENTS["reduce_on_plateau"] else value_at
    assert_same_trajectory(
        gradtx.chain(gradtx.clip_by_global_norm(1.0), foreign()),
        optax.chain(optax.clip_by_global_norm(1.0), foreign()),
        value=value,
    )


def test_only_the_extra_arguments_in_its_signature_are_passed():
    seen = {}

    def takes_value(updates, state, params=None, *, value):
        seen["value"] = value
        return updates, state

    def takes_all(updates, state, params=None, **extra):
        seen["all"] = set(extra)
        return updates, state

    tx = gradtx.chain(
        optax.GradientTransformation(optax.init_empty_state, lambda u, s, p=None: (u, s)),
        optax.GradientTransformationExtraArgs(optax.init_empty_state, takes_value),
        optax.GradientTransformationExtraArgs(optax.init_empty_state, takes_all),
    )
    tx.update(jnp.ones(2), tx.init(jnp.ones(2)), value=7.0, grad=1.0)
    assert seen == {"value": 7.0, "all": {"value", "grad"}}


def test_in_a_join():
    adam_direction = gradtx.divide(
        optax.ema(0.9), gradtx.chain(gradtx.square(), optax.ema(0.999), gradtx.sqrt()), eps=1e-8
    )
    assert_same_trajectory(adam_direction, optax.scale_by_adam())


def test_the_state_is_optax_s_own_and_is_found_by_name():
    tx = gradtx.chain(gradtx.clip_by_global_norm(1.0), optax.scale_by_adam())
    *_, (_, _, state) = trajectory(tx)
    assert isinstance(state[1], optax.ScaleByAdamState)
    chex.assert_trees_all_equal(gradtx.tree.get(state, "mu"), state[1].mu)


def test_its_masked_leaves_are_left_to_the_next_transformation():
    tx = gradtx.chain(
        optax.masked(optax.scale(2.0), WEIGHTS_ONLY), gradtx.scale_by_adam(), gradtx.scale(-0.1)
    )
    twin = optax.chain(optax.masked(optax.scale(2.0), WEIGHTS_ONLY), optax.scale_by_adam(), optax.scale(-0.1))
    assert_same_trajectory(tx, twin)


def test_an_update_tree_with_optax_s_masked_nodes():
    updates = {"w": jnp.ones(2), "b": optax.MaskedNode()}
    tx = gradtx.adamw(0.1, weight_decay=0.5)
    state = tx.init(updates)
    result, state = tx.update(updates, state, updates)
    assert result["b"] == optax.MaskedNode()
    chex.assert_trees_all_close(result["w"], jnp.full(2, -0.15), rtol=1e-6)  # eps is 1e-8 of the step


@pytest.mark.parametrize(
    "schedule",
    [
        COSINE,
        optax.warmup_cosine_decay_schedule(0.0, 0.1, 2, 6, 0.01),
        optax.join_schedules([optax.constant_schedule(0.1), COSINE], [3]),
    ],
    ids=["cosine", "warmup and cosine", "joined"],
)
def test_its_schedules_are_learning_rates(schedule):
    assert_same_trajectory(gradtx.adamw(schedule, weight_decay=0.1), optax.adamw(schedule, weight_decay=0.1))


def test_its_schedules_combine_with_gradtx_s():
    doubled = 2.0 * gradtx.schedule_from(COSINE)
    assert_same_trajectory(gradtx.sgd(doubled), optax.sgd(lambda count: 2.0 * COSINE(count)))


@pytest.mark.exhaustive
def test_gradtx_s_apply_updates_agrees_with_optax_s():
    params = {"w": jnp.ones(3, jnp.bfloat16), "b": jnp.ones(2), "frozen": jnp.ones(1)}
    updates = {"w": jnp.full(3, 0.3, jnp.bfloat16), "b": jnp.full(2, -0.3), "frozen": jnp.zeros(1)}
    chex.assert_trees_all_equal(gradtx.apply_updates(params, updates), optax.apply_updates(params, updates))


def test_a_class_or_function_that_was_not_called_is_named():
    with pytest.raises(TypeError, match=r"Call it: adam\(\.\.\.\)"):
        gradtx.chain(optax.adam)


@pytest.mark.exhaustive
def test_inject_hyperparams_inside_a_chain_can_be_set_by_name():
    tx = gradtx.chain(gradtx.clip_by_global_norm(1.0), optax.inject_hyperparams(optax.sgd)(learning_rate=0.1))
    params = some_params()
    state = gradtx.tree.set(tx.init(params), learning_rate=jnp.asarray(0.5))
    updates, _ = tx.update(jax.tree.map(jnp.ones_like, params), state, params)
    chex.assert_trees_all_close(updates, jax.tree.map(lambda p: jnp.full_like(p, -0.5 / 6**0.5), params))

"""Transformations of gradtx stand in Optax's chains and wrappers as they are."""

import chex
import jax
import jax.numpy as jnp
import optax
import pytest

import gradtx
from tests.interop.trajectories import assert_same_trajectory, some_params, trajectory

COSINE = optax.cosine_decay_schedule(0.1, decay_steps=5)
WEIGHTS_ONLY = {"w": True, "b": False}
LABELS = {"w": "a", "b": "z"}


def adamw(library):
    return library.adamw(COSINE, b1=0.8, weight_decay=0.1)


def momentum(library):
    return library.sgd(0.2, momentum=0.9, nesterov=True)


WRAPPED = {
    "chain": lambda lib: optax.chain(optax.clip_by_global_norm(1.0), adamw(lib), optax.scale(0.5)),
    "named_chain": lambda lib: optax.named_chain(("a", adamw(lib)), ("b", momentum(lib))),
    "masked": lambda lib: optax.masked(adamw(lib), WEIGHTS_ONLY),
    "masked by a function": lambda lib: optax.masked(
        adamw(lib), lambda params: jax.tree.map(lambda p: p.ndim > 1, params)
    ),
    "multi_transform": lambda lib: optax.multi_transform({"a": adamw(lib), "z": momentum(lib)}, LABELS),
    "partition": lambda lib: optax.partition({"a": adamw(lib), "z": momentum(lib)}, LABELS),
    "MultiSteps": lambda lib: optax.MultiSteps(adamw(lib), every_k_schedule=2),
    "apply_if_finite": lambda lib: optax.chain(
        optax.scale_by_schedule(lambda count: jnp.where(count % 3 == 0, jnp.nan, 1.0)),
        optax.apply_if_finite(adamw(lib), max_consecutive_errors=2),
    ),
    "flatten": lambda lib: optax.flatten(adamw(lib)),
    "inject_hyperparams": lambda lib: optax.inject_hyperparams(lib.adamw)(
        learning_rate=COSINE, b1=0.8, weight_decay=0.1
    ),
    "inject_hyperparams of a class": lambda lib: optax.inject_hyperparams(lib.scale_by_adam)(b1=0.7),
    "inject_hyperparams with a schedule for b2": lambda lib: optax.inject_hyperparams(lib.adam)(
        learning_rate=0.1, b2=lambda count: 0.9 + 0.01 * count
    ),
    "conditionally_mask": lambda lib: optax.conditionally_mask(
        momentum(lib), should_transform_fn=lambda count: count % 2 == 0
    ),
}


@pytest.mark.parametrize("wrapped", WRAPPED.values(), ids=WRAPPED)
def test_under_each_of_optax_s_wrappers(wrapped):
    assert_same_trajectory(wrapped(gradtx), wrapped(optax))


def test_unpacks_into_two_functions():
    init, update = gradtx.adamw(0.1)
    assert_same_trajectory(optax.GradientTransformation(init, update), optax.adamw(0.1))


def test_is_an_instance_of_both_names():
    tx = gradtx.adamw(0.1)
    assert isinstance(tx, gradtx.GradientTransformation)
    assert isinstance(tx, gradtx.GradientTransformationExtraArgs)
    assert gradtx.with_extra_args_support(tx) is tx
    lifted = gradtx.as_transformation(optax.adam(0.1))
    assert isinstance(lifted, gradtx.GradientTransformation)


@pytest.mark.parametrize(
    "make",
    [
        lambda: gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw(COSINE, mask=WEIGHTS_ONLY)),
        lambda: gradtx.adamw(0.1, mask=lambda params: jax.tree.map(lambda p: p.ndim > 1, params)),
        lambda: gradtx.adamw(0.1, b1=COSINE, mask=gradtx.except_bias_norm_embedding),
        lambda: gradtx.amsgrad(0.1),
        lambda: gradtx.rmsprop(0.1, centered=True, momentum=0.9),
        lambda: gradtx.chain(gradtx.ema(0.9), optax.scale_by_adam()),
    ],
    ids=["clip+adamw", "mask function", "scheduled b1", "amsgrad", "rmsprop", "ema+optax"],
)
def test_map_params_reaches_every_array_that_mirrors_a_parameter(make):
    """`optax.tree.map_params` calls `init` on a placeholder that is no array."""
    tx = make()
    state = tx.init(some_params())
    marked = optax.tree.map_params(
        tx, lambda array: array.shape, state, transform_non_params=lambda array: "counter"
    )
    shapes = jax.tree.map(jnp.shape, some_params())
    for before, after in zip(
        jax.tree.leaves(state, is_leaf=is_params), jax.tree.leaves(marked, is_leaf=is_params), strict=True
    ):
        assert after == (shapes if is_params(before) else "counter")


def is_params(node):
    return isinstance(node, dict)


def test_map_params_with_a_tree_of_parameters_beside():
    tx = gradtx.adam(0.1)
    doubled = optax.tree.map_params(tx, lambda array, p: array + 2 * p, tx.init(some_params()), some_params())
    expected = jax.tree.map(lambda p: 2 * p, some_params())
    chex.assert_trees_all_equal(doubled[0].mu, expected)
    chex.assert_trees_all_equal(doubled[0].nu, expected)


@pytest.mark.exhaustive
def test_tree_get_and_set_find_the_fields_of_the_state():
    tx = gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw(COSINE))
    *_, (_, _, state) = trajectory(tx)
    twin = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(COSINE))
    *_, (_, _, expected) = trajectory(twin)
    for name in ("mu", "nu"):
        chex.assert_trees_all_close(optax.tree.get(state, name), optax.tree.get(expected, name), rtol=1e-11)
    counts = [int(count) for _, count in optax.tree.get_all_with_path(state, "count")]
    assert counts == [6, 6]
    emptied = optax.tree.set(state, mu=None)
    assert optax.tree.get(emptied, "mu") is None
    assert optax.tree.get(emptied, "nu") is not None


@pytest.mark.parametrize("mirrored", ["adam", "adamw", "amsgrad", "rmsprop", "adagrad", "sgd"])
def test_states_have_optax_s_leaves_in_optax_s_order(mirrored):
    """An Optax checkpoint converts leaf by leaf."""
    arguments = {"sgd": {"momentum": 0.9}}.get(mirrored, {})
    *_, (_, _, ours) = trajectory(getattr(gradtx, mirrored)(COSINE, **arguments))
    *_, (_, _, theirs) = trajectory(getattr(optax, mirrored)(COSINE, **arguments))
    for got, expected in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        chex.assert_trees_all_close(got, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.exhaustive
def test_its_schedules_drive_optax_s_optimizers():
    schedule = gradtx.constant_schedule(0.1) - 0.01 * gradtx.schedule_from(lambda count: count)
    assert_same_trajectory(gradtx.adam(schedule), optax.adam(schedule))
    assert_same_trajectory(
        optax.inject_hyperparams(gradtx.sgd)(learning_rate=schedule),
        optax.inject_hyperparams(optax.sgd)(learning_rate=schedule),
    )


def test_one_transformation_of_gradtx_amid_optax_s():
    assert_same_trajectory(
        optax.chain(optax.clip(0.5), gradtx.scale_by_adam(), optax.scale_by_learning_rate(COSINE)),
        optax.chain(optax.clip(0.5), optax.scale_by_adam(), optax.scale_by_learning_rate(COSINE)),
    )

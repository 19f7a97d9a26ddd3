"""Values: conversion and checks at construction, equality, hashing, printing, unflattening."""

import pickle
import sys
from dataclasses import FrozenInstanceError
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import chain, scale, scale_by_adam, trace


def test_numbers_are_normalised_at_construction() -> None:
    assert type(scale(1).step_size) is float
    assert type(scale(np.uint8(1)).step_size) is float
    assert type(scale(jnp.int32(1)).step_size) is float
    assert type(scale(np.float32(0.5)).step_size) is np.float32
    assert type(scale(jnp.float32(0.5)).step_size) is np.float32
    assert scale(jnp.bfloat16(0.5)).step_size.dtype == jnp.bfloat16
    assert isinstance(scale(abs).step_size, gradtx.Schedule)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gradtx.adam(1e-3, b1=1.5), r"scale_by_adam: b1 must be at least 0 and below 1, got 1\.5"),
        (lambda: gradtx.adam(1e-3, b2=1.0), "b2 must be at least 0 and below 1"),
        (lambda: gradtx.adam(-1e-3), "learning_rate must be at least 0"),
        (lambda: gradtx.clip_by_global_norm(-1.0), r"max_norm must be above 0, got -1\.0"),
        (lambda: gradtx.clip_by_global_norm(jnp.float32(0.0)), "max_norm must be above 0"),
        (lambda: gradtx.sgd(0.1, momentum=1.1), "decay must be at least 0 and at most 1"),
        (lambda: scale(float("nan")), "step_size must be a number"),
        (lambda: gradtx.clip_by_global_norm(1.0, nonfinite="skip"), "one of 'propagate', 'zero'"),
        (lambda: gradtx.correct_bias(0.9, lookahead=-1), "lookahead must be a whole number"),
    ],
)
def test_a_value_out_of_range_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_an_interval_longer_than_any_count_is_the_longest() -> None:
    assert gradtx.lookahead(gradtx.sgd(0.1), sys.maxsize, 0.5).sync_period == 2**31 - 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gradtx.adam("1e-3"), "learning_rate must be a number or a schedule, got '1e-3'"),
        (lambda: scale(True), "step_size must be a number"),
        (lambda: scale(np.ones(3)), r"shape \(3,\).*jax\.vmap"),
        (lambda: scale_by_adam(mu_dtype="int32"), "floating-point dtype, got int32"),
        (lambda: scale_by_adam(b3=0.9), "b3"),
        (lambda: gradtx.add_decayed_weights(0.1, {"w": 1.0}), "tree of booleans"),
        (lambda: trace(0.9, nesterov="false"), "nesterov must be True or False, got 'false'"),
        (lambda: gradtx.sgd(0.1, 0.9, jnp.bfloat16), "nesterov must be True or False"),
        (lambda: gradtx.adaptive_grad_clip(0.1, axis=[0]), "axis is structure and must be hashable"),
        (lambda: gradtx.GradientTransformation(1, 2), "takes two functions, got 1"),
        (lambda: chain([scale(1.0)]), r"Unpack it: chain\(\*transformations\)"),
        (lambda: gradtx.named_chain(scale(1.0)), r"give pairs \(name, transformation\)"),
        (lambda: scale(gradtx.linear_schedule), "got the class linear_schedule"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_equality_tells_apart_what_traces_differently() -> None:
    # The dataclass's own == would call these equal and let jit return a stale trace.
    assert scale(0.5) != scale(np.float32(0.5))
    assert scale(0.0) != scale(-0.0)
    assert scale(0.5) == scale(0.5)
    assert hash(scale(0.5)) == hash(scale(0.5))
    assert scale(0.5) != trace(0.5)
    assert trace(0.5) != trace(0.5, nesterov=True)
    assert gradtx.add_decayed_weights(0.1, {"w": True}) != gradtx.add_decayed_weights(0.1, {"w": False})
    assert gradtx.add_decayed_weights(0.1, {"w": True}) == gradtx.add_decayed_weights(0.1, {"w": True})
    stacked = jax.vmap(scale)(jnp.array([0.5, 1.0]))
    assert stacked != jax.vmap(scale)(jnp.array([0.5, 2.0]))
    assert stacked == jax.vmap(scale)(jnp.array([0.5, 1.0]))
    assert {scale(0.5): "found"}[scale(0.5)] == "found"


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        scale(0.5).step_size = 1.0  # pyright: ignore[reportAttributeAccessIssue]


def test_hyperparameters_are_leaves_with_attribute_paths_and_structure_is_not() -> None:
    leaves = jax.tree_util.tree_leaves_with_path(chain(trace(0.9, nesterov=True), scale(-0.5)))
    named = {jax.tree_util.keystr(path): leaf for path, leaf in leaves}
    assert named == {".transformations[0].decay": 0.9, ".transformations[1].step_size": -0.5}


def test_unflattening_takes_anything_without_checks() -> None:
    leaves, treedef = jax.tree.flatten(gradtx.adam(1e-3))
    odd = jax.tree.unflatten(treedef, [object()] * len(leaves))
    assert jax.tree.structure(odd) == treedef
    doubled = jax.tree.map(lambda number: number + 10.0, gradtx.adam(1e-3))
    assert doubled.transformations[0].b1 == 10.9


def test_printing_shows_numbers_always_and_structure_where_it_is_not_the_default() -> None:
    assert repr(scale_by_adam()) == "scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0)"
    assert repr(trace(0.9, accumulator_dtype=jnp.bfloat16)) == (
        "trace(decay=0.9, accumulator_dtype='bfloat16')"
    )
    assert repr(scale(np.float32(0.5))) == "scale(step_size=np.float32(0.5))"
    assert repr(jax.device_put(scale(0.5))) == "scale(step_size=np.float32(0.5))"
    assert repr(jax.vmap(scale)(jnp.ones(3))) == "scale(step_size=[1.0, 1.0, 1.0])"
    mask = gradtx.by_path({"bias": False, ".*": True})
    assert repr(gradtx.add_decayed_weights(0.1, mask)) == (
        "add_decayed_weights(weight_decay=0.1, mask=by_path({'bias': False, '.*': True}))"
    )


def test_pickle_of_a_state_and_of_a_stacked_optimizer() -> None:
    stacked = jax.vmap(gradtx.adam)(jnp.array([0.1, 0.2]))
    assert pickle.loads(pickle.dumps(stacked)) == stacked
    state = gradtx.adam(0.1).init({"w": jnp.ones(2)})
    assert jax.tree.structure(pickle.loads(pickle.dumps(state))) == jax.tree.structure(state)


def test_a_traced_hyperparameter_is_legal() -> None:
    @jax.jit
    def step(rate: jax.Array) -> jax.Array:
        tx = gradtx.sgd(rate)
        return tx.update(jnp.ones(()), tx.init(jnp.ones(())))[0]

    assert step(jnp.float32(0.25)) == -0.25


def test_a_value_is_never_changed():
    tx = scale(0.5)
    with pytest.raises(FrozenInstanceError, match="scale is a value: replace"):
        tx.step_size = 0.1
    with pytest.raises(FrozenInstanceError):
        tx.other = 0.1
    with pytest.raises(FrozenInstanceError, match="keeps its step_size"):
        del tx.step_size
    assert tx == scale(0.5)

"""`to_optax`: Optax's own type, with extra arguments and the incoming dtypes."""

import sys
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.training.train_state import TrainState

import gradtx
from gradtx.interop import to_optax
from tests.interop.trajectories import assert_same_trajectory


class scale_by_value(gradtx.GradientTransformation, needs=("value",)):
    """Multiplies the updates by the loss."""

    def apply(
        self, updates: Any, state: Any, params: Any = None, *, value: Any = None, **extra: Any
    ) -> tuple[Any, Any]:
        return jax.tree.map(lambda g: g * value, updates), state


def test_is_of_optax_s_type_and_the_same_algorithm():
    tx = to_optax(gradtx.adamw(0.1, weight_decay=0.2))
    assert isinstance(tx, optax.GradientTransformationExtraArgs)
    assert_same_trajectory(tx, optax.adamw(0.1, weight_decay=0.2))


def test_extra_arguments_pass_an_optax_chain():
    tx = optax.chain(optax.identity(), to_optax(gradtx.chain(scale_by_value(), gradtx.scale(-0.1))))
    updates, _ = tx.update(jnp.ones(2), tx.init(jnp.ones(2)), value=3.0)
    chex.assert_trees_all_close(updates, jnp.full(2, -0.3))


def test_without_it_optax_drops_them_and_the_missing_need_is_named():
    tx = optax.chain(optax.identity(), gradtx.chain(scale_by_value(), gradtx.scale(-0.1)))
    with pytest.raises(ValueError, match="scale_by_value in chain needs 'value'"):
        tx.update(jnp.ones(2), tx.init(jnp.ones(2)), value=3.0)


def low_precision() -> tuple[Any, Any]:
    params = {"w": jnp.ones((2, 2), jnp.bfloat16), "b": jnp.ones(2, jnp.float16), "g": jnp.ones(())}
    return params, jax.tree.map(lambda p: 0.5 * p, params)


@pytest.mark.exhaustive
def test_updates_come_back_in_the_incoming_dtypes_and_the_state_stays_wide():
    params, gradients = low_precision()
    tx = to_optax(gradtx.adam(0.1))
    updates, state = tx.update(gradients, tx.init(params), params)
    chex.assert_trees_all_equal_dtypes(updates, gradients)
    assert {array.dtype.name for array in jax.tree.leaves(state[0].mu)} == {"float32", "float64"}


@pytest.mark.exhaustive
def test_wrappers_that_need_the_incoming_dtype():
    params = {"w": jnp.ones((2, 2)), "b": jnp.ones(2)}
    gradients = jax.tree.map(lambda p: 0.5 * p.astype(jnp.bfloat16), params)  # narrower than the parameters
    bare = optax.apply_if_finite(gradtx.adam(0.1), 2)
    with pytest.raises(TypeError, match="branch"):
        bare.update(gradients, bare.init(params), params)
    tx = optax.apply_if_finite(to_optax(gradtx.adam(0.1)), 2)
    updates, _ = tx.update(gradients, tx.init(params), params)
    chex.assert_trees_all_equal_dtypes(updates, gradients)


def test_leaves_that_no_rule_moves_pass():
    params = {
        "w": jnp.ones(2, jnp.bfloat16),
        "none": None,
        "masked": gradtx.MaskedNode(),
        "theirs": optax.MaskedNode(),
        "steps": jnp.arange(2),
        "python": 3,
        "float0": np.zeros(2, jax.dtypes.float0),
    }
    tx = to_optax(gradtx.adamw(0.1))
    updates, _ = tx.update(params, tx.init(params), params)
    assert updates["w"].dtype == jnp.bfloat16
    assert jax.tree.structure(updates) == jax.tree.structure(params)
    for name in ("steps", "python", "float0"):
        assert updates[name] is params[name]


def test_under_partition_with_extra_arguments():
    transforms = {"a": to_optax(scale_by_value()), "z": gradtx.sgd(0.1)}
    tx = optax.partition(transforms, {"w": "a", "b": "z"})
    params = {"w": jnp.ones(2), "b": jnp.ones(2)}
    updates, _ = tx.update(params, tx.init(params), params, value=4.0)
    chex.assert_trees_all_close(updates, {"w": jnp.full(2, 4.0), "b": jnp.full(2, -0.1)})


def test_a_missing_optax_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optax", None)
    with pytest.raises(ImportError, match="to_optax needs Optax: `pip install optax`"):
        to_optax(gradtx.sgd(0.1))


def test_a_scheduled_one_stands_in_a_gradtx_chain():
    """The state that it hands on has a count, of which the chain around it knows nothing."""
    tx = gradtx.chain(to_optax(gradtx.scale(lambda count: 0.5)))
    state = tx.init(jnp.ones(2))
    for _ in range(2):
        updates, state = tx.update(jnp.ones(2), state)
    np.testing.assert_array_equal(updates, [0.5, 0.5])
    assert gradtx.tree.get(state, "count") == 2


def trained_by_linen(tx: Any, params: Any) -> Any:
    state = TrainState.create(apply_fn=None, params=params, tx=tx)
    return state.apply_gradients(grads=params).params


def trained_by_nnx(tx: Any, params: Any) -> Any:
    model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    nnx.update(model, nnx.State(jax.tree.map(nnx.Param, params)))
    nnx.Optimizer(model, tx, wrt=nnx.Param).update(model, nnx.state(model, nnx.Param))
    return nnx.to_pure_dict(nnx.state(model, nnx.Param))


@pytest.mark.parametrize("trained", [trained_by_linen, trained_by_nnx])
def test_trainers_that_ask_for_optax_s_type(trained):
    params = {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.ones(2)}
    tx = gradtx.adamw(0.1, weight_decay=0.1)
    wrapped = to_optax(tx)
    assert isinstance(wrapped, optax.GradientTransformation)
    assert jax.tree.structure(wrapped.init(params)) == jax.tree.structure(tx.init(params))
    with jax.numpy_dtype_promotion("standard"):
        expected = trained(optax.adamw(0.1, weight_decay=0.1), params)
        for candidate in (tx, wrapped):
            chex.assert_trees_all_close(trained(candidate, params), expected, rtol=1e-6)

"""Laws of masks and partitions, for any transformation and any gradients."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import gradtx
from gradtx import masked, partition
from gradtx.tree import is_inexact
from tests.cases import CASES, takes_examples

PARAMS = {"w": jnp.array([[0.5, -1.0], [2.0, 0.0]]), "b": jnp.array(1.0)}

transformations = st.sampled_from(
    [tx for tx in CASES.values() if tx.needs <= {"params"} and not takes_examples(tx)]
)
floats = st.floats(-100.0, 100.0, width=32)
gradients = st.builds(
    lambda w, b: {"w": jnp.array(w, jnp.float32).reshape(2, 2), "b": jnp.array(b, jnp.float32)},
    st.lists(floats, min_size=4, max_size=4),
    floats,
)

law = settings(max_examples=40, deadline=None)


def two_steps(tx: Any, g: Any, params: Any = PARAMS) -> tuple[Any, Any]:
    state = tx.init(params)
    _, state = tx.update(g, state, params)
    return tx.update(jax.tree.map(lambda x: 0.5 * x, g), state, params)


def assert_equal(one: Any, other: Any) -> None:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.exhaustive
@law
@given(transformations, gradients)
def test_a_partition_into_one_group_and_a_mask_of_true_are_the_transformation_itself(tx: Any, g: Any) -> None:
    alone = two_steps(tx, g)
    updates, state = two_steps(partition({"all": tx}, "all"), g)
    assert_equal((updates, state.inner_states["all"].inner_state), alone)
    updates, state = two_steps(masked(tx, True), g)
    assert_equal((updates, state.inner_state), alone)


@law
@given(transformations, gradients)
def test_a_mask_of_false_is_the_identity_and_keeps_no_array_that_mirrors_one(tx: Any, g: Any) -> None:
    updates, state = two_steps(masked(tx, False), g)
    assert_equal(updates, two_steps(gradtx.identity(), g)[0])
    assert shapes(state) == shapes(masked(tx, False).init({}))


def shapes(state: Any) -> list[tuple[int, ...]]:
    return [leaf.shape for leaf in filter(is_inexact, jax.tree.leaves(state))]


@pytest.mark.exhaustive
@law
@given(transformations, transformations, gradients)
def test_two_groups_are_two_optimizers_of_two_models(one: Any, other: Any, g: Any) -> None:
    updates, state = two_steps(partition({"p": one, "q": other}, {"w": "p", "b": "q"}), g)
    for label, name, tx in (("p", "w", one), ("q", "b", other)):
        alone, kept = two_steps(tx, {name: g[name]}, {name: PARAMS[name]})
        assert_equal(updates[name], alone[name])
        assert_equal(jax.tree.leaves(state.inner_states[label]), jax.tree.leaves(kept))


@pytest.mark.exhaustive
@law
@given(transformations, gradients)
def test_a_masked_chain_is_a_chain_of_masks(tx: Any, g: Any) -> None:
    mask = {"w": True, "b": False}
    whole, _ = two_steps(masked(gradtx.chain(gradtx.scale(2.0), tx), mask), g)
    parts, _ = two_steps(gradtx.chain(masked(gradtx.scale(2.0), mask), masked(tx, mask)), g)
    assert_equal(whole, parts)

"""Chains, joins, and the functions that apply updates."""

from collections import OrderedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import add, chain, divide, identity, multiply, named_chain, scale, square, subtract, trace


def test_a_chain_applies_in_order_and_keeps_a_tuple_of_states() -> None:
    tx = chain(gradtx.clip(1.0), scale(-3.0))
    state = tx.init(jnp.ones(2))
    assert state == (gradtx.EmptyState(), gradtx.EmptyState())
    np.testing.assert_array_equal(tx.update(jnp.array([5.0, 0.5]), state)[0], [-3.0, -1.5])
    other = chain(scale(-3.0), gradtx.clip(1.0))
    np.testing.assert_array_equal(other.update(jnp.array([5.0, 0.5]), state)[0], [-1.0, -1.0])


def test_nested_chains_keep_nested_states() -> None:
    state = chain(trace(0.9), chain(scale(1.0), gradtx.adam(0.1))).init(jnp.ones(2))
    assert isinstance(state[1], tuple)
    assert state[1][1][0].count == 0


def test_a_state_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a tuple of 2 states"):
        chain(scale(1.0), scale(1.0)).update(1.0, (gradtx.EmptyState(),))


def test_a_named_chain_keeps_its_states_by_name_in_order() -> None:
    tx = named_chain(("z", trace(0.5)), ("a", scale(-1.0)))
    state = tx.init(jnp.ones(2))
    assert isinstance(state, OrderedDict)
    assert list(state) == ["z", "a"]
    updates, state = jax.jit(tx.update)(jnp.ones(2), state)
    np.testing.assert_array_equal(updates, [-1.0, -1.0])
    np.testing.assert_array_equal(state["z"].trace, [1.0, 1.0])
    with pytest.raises(ValueError, match="names must differ"):
        named_chain(("a", scale(1.0)), ("a", scale(1.0)))


def test_every_branch_of_a_join_gets_the_same_updates() -> None:
    g = jnp.array([2.0, -4.0])
    joins = {
        add(identity(), scale(2.0), square()): g + 2 * g + g**2,
        subtract(scale(3.0), square()): 3 * g - g**2,
        multiply(scale(3.0), square()): 3 * g * g**2,
        divide(scale(3.0), square(), eps=1.0): 3 * g / (g**2 + 1),
    }
    for tx, expected in joins.items():
        np.testing.assert_allclose(tx.update(g, tx.init(g))[0], expected, rtol=1e-6)


def test_over_zero_is_zero_and_what_is_not_finite_is_not_hidden() -> None:
    tx = divide(identity(), scale(0.0))
    quotient = tx.update(jnp.array([0.0, 1.0, jnp.nan]), tx.init(jnp.ones(3)))[0]
    np.testing.assert_array_equal(quotient, [0.0, 0.0, jnp.nan])


def test_apply_updates_rounds_once_and_leaves_integers_alone() -> None:
    params = {"half": jnp.ones((), jnp.bfloat16), "steps": jnp.array(3), "frozen": jnp.ones(2)}
    moved = gradtx.apply_updates(
        params, {"half": jnp.float32(2.0**-7), "steps": jnp.array(5), "frozen": None}
    )
    assert moved["half"].dtype == jnp.bfloat16
    assert moved["half"] == 1.0 + 2.0**-7
    assert moved["steps"] == 3
    assert moved["frozen"] is params["frozen"]
    with pytest.raises(gradtx.tree.TreeMismatchError, match=r"\['half'\]"):
        gradtx.apply_updates(params, {"half": jnp.ones(2), "steps": None, "frozen": None})


def test_incremental_and_periodic_updates() -> None:
    new, old = {"w": jnp.ones(2), "n": None}, {"w": jnp.zeros(2, jnp.bfloat16), "n": None}
    mixed = gradtx.incremental_update(new, old, 0.25)
    assert mixed["w"].dtype == jnp.bfloat16
    np.testing.assert_array_equal(mixed["w"].astype(jnp.float32), [0.25, 0.25])
    for steps, expected in ((0, 1.0), (1, 0.0), (2, 0.0), (3, 1.0)):
        kept = jax.jit(gradtx.periodic_update)(jnp.ones(()), jnp.zeros(()), steps, 3)
        assert kept == expected

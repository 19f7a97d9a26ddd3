"""Zeros in the place of NaN, and the state that locates them."""

import jax
import jax.numpy as jnp

from gradtx import zero_nans
from tests.faults import PARAMS, assert_same, clean_gradients, spoiled


def test_zero_nans_says_where() -> None:
    g = spoiled(clean_gradients()[0], jnp.nan)
    updates, state = zero_nans().update(g, zero_nans().init(PARAMS), PARAMS)
    assert_same(updates, spoiled(g, 0.0))
    assert jax.tree.map(bool, state.found_nan) == {"layer": {"kernel": True, "bias": False}, "gain": False}


def test_zero_nans_keeps_its_state_where_there_is_no_gradient() -> None:
    tx = zero_nans()
    g = {**clean_gradients()[0], "gain": None}
    _, state = tx.update(g, tx.init(PARAMS), PARAMS)
    assert jax.tree.structure(state) == jax.tree.structure(tx.init(PARAMS))

"""How a leaf function is lifted over the leaves to which it applies."""

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx.tree import MaskedNode, TreeMismatchError, leaf_options, map_leaves


def add_to(g, total):
    """A leaf function with one state array."""
    return g, total + g


def where_true(option):
    """The leaf function for an option, or nothing."""
    return add_to if option == (True,) else None


def test_where_it_does_not_apply_anything_may_stand_in_the_state():
    updates = {"a": jnp.ones(2), "b": jnp.full(3, 2.0), "c": None}
    options = leaf_options(updates, {"a": True, "b": False, "c": None})
    for beside in (MaskedNode(), None, {"x": jnp.ones(7)}):
        state = {"a": jnp.ones(2), "b": beside, "c": MaskedNode()}
        new, total = map_leaves(where_true, updates, state=(state,), options=options)
        assert new["b"] is updates["b"]
        assert total["b"] is beside
        np.testing.assert_array_equal(total["a"], [2.0, 2.0])


def test_where_it_applies_the_leaf_is_named():
    updates = {"a": jnp.ones(2), "b": jnp.ones(3)}
    options = leaf_options(updates, {"a": False, "b": True})
    with pytest.raises(TreeMismatchError, match=r"state\[0\] at \['b'\]: got shape \(3,\), expected nothing"):
        map_leaves(where_true, updates, state=({"a": 0, "b": MaskedNode()},), options=options)


def test_a_state_keeps_its_shape():
    with pytest.raises(
        TreeMismatchError, match=r"shape \(3, 2\) changes a state of shape \(1, 2\) to the shape"
    ):
        map_leaves(add_to, jnp.ones((3, 2)), state=(jnp.zeros((1, 2)),), same_shape=False)

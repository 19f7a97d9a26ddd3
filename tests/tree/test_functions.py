"""Functions of whole trees: in low precision, with leaves of any kind, and with trees that differ."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import tree

X = {"a": jnp.array([1.5, -2.0]), "b": [jnp.array(3.0), None]}
Y = {"a": jnp.array([0.5, 4.0]), "b": [jnp.array(-1.0), None]}


@pytest.mark.exhaustive
def test_a_sum_in_low_precision_is_added_in_float32() -> None:
    ones = jnp.ones(1001, jnp.bfloat16)
    # As Python numbers: a comparison with an array in bfloat16 would round the expected number too.
    assert float(tree.sum({"a": ones, "b": ones})) == 2002
    assert float(tree.vdot(ones, ones)) == 1001
    assert float(tree.norm(ones, 1)) == 1001
    small = jnp.full(3, 2.0**-9, jnp.bfloat16)
    assert tree.add(jnp.ones(3, jnp.bfloat16), small, small, small, small).tolist() == [1.0078125] * 3
    assert (
        tree.add_scale(jnp.ones(2, jnp.bfloat16), 3.0, jnp.full(2, 2.0**-8, jnp.bfloat16)).dtype
        == jnp.bfloat16
    )


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.complex64, jnp.int32])
def test_leaves_keep_their_dtype(dtype: Any) -> None:
    x = {"a": jnp.ones(2, dtype)}
    for made in (
        tree.add(x, x),
        tree.sub(x, x),
        tree.mul(x, x),
        tree.scale(2, x),
        tree.add_scale(x, 2, x),
        tree.where(True, x, x),
        tree.zeros_like(x),
        tree.ones_like(x),
        tree.full_like(x, 2),
        tree.conj(x),
        tree.cast_like({"a": jnp.ones(2)}, x) if dtype != jnp.complex64 else x,
    ):
        assert made["a"].dtype == dtype


def test_a_number_does_not_widen_a_leaf() -> None:
    x = jnp.ones(2, jnp.bfloat16)
    for number in (0.5, np.float32(0.5), jnp.float32(0.5)):
        assert tree.scale(number, x).dtype == jnp.bfloat16
        assert tree.add_scale(x, number, x).dtype == jnp.bfloat16
        assert tree.clip(x, number, None).dtype == jnp.bfloat16


def test_arithmetic() -> None:
    assert tree.add(X, Y)["a"].tolist() == [2.0, 2.0]
    assert tree.sub(X, Y)["b"] == [4.0, None]
    assert tree.mul(X, Y)["a"].tolist() == [0.75, -8.0]
    assert tree.div(X, Y)["a"].tolist() == [3.0, -0.5]
    assert tree.scale(2.0, X)["a"].tolist() == [3.0, -4.0]
    assert tree.add_scale(X, 2.0, Y)["a"].tolist() == [2.5, 6.0]
    assert tree.clip(X, -1.0, 1.0)["a"].tolist() == [1.0, -1.0]
    assert tree.where(jnp.array([True, False]), X["a"], Y["a"]).tolist() == [1.5, 4.0]
    assert tree.real({"a": jnp.array(1.0 + 2.0j)}) == {"a": 1.0}
    assert tree.scale(1j, jnp.array([2.0 + 1.0j])).tolist() == [-1.0 + 2.0j]


def test_numbers_of_a_tree() -> None:
    assert tree.sum(X) == 2.5
    assert tree.max(X) == 3.0
    assert tree.min(X) == -2.0
    assert tree.size({**X, "c": jnp.ones((2, 3)), "d": 1.0}) == 10
    assert tree.vdot(X, Y) == 0.75 - 8.0 - 3.0
    assert tree.vdot(jnp.array([1j]), jnp.array([1j])) == 1.0
    assert tree.norm(X, jnp.inf) == tree.norm(X, "inf") == 3.0
    assert tree.norm(X, 1) == 6.5
    assert tree.norm(jnp.array([3.0, 4.0]), squared=True) == 25.0
    assert (tree.sum({}), tree.norm({}, 1), tree.norm({}, jnp.inf)) == (0.0, 0.0, 0.0)
    assert (tree.max({"a": jnp.zeros(0)}), tree.min({})) == (-jnp.inf, jnp.inf)
    assert tree.max({"a": jnp.array([1, 2]), "b": jnp.array(1.5)}) == 2.0
    with pytest.raises(ValueError, match=r"ord must be None, 1, 2 or jnp\.inf, got 3"):
        tree.norm(X, 3)
    with pytest.raises(ValueError, match="axis_name is for the Euclidean norm alone"):
        tree.norm(X, 1, axis_name="data")


def test_closeness() -> None:
    assert tree.allclose(X, X)
    assert not tree.allclose(X, Y)
    nan = jnp.array([jnp.nan])
    assert not tree.allclose(nan, nan)
    assert tree.allclose(nan, nan, equal_nan=True)
    assert tree.allclose(jnp.array(1.0), jnp.array(1.1), rtol=0.2)
    assert tree.allclose({}, {})


@pytest.mark.parametrize(
    "function", [tree.add, tree.sub, tree.mul, tree.div, tree.vdot, tree.allclose, tree.cast_like]
)
def test_trees_of_two_structures_are_refused_with_the_place(function: Any) -> None:
    with pytest.raises(tree.TreeMismatchError, match="'b'"):
        function({"a": jnp.ones(2), "b": jnp.ones(2)}, {"a": jnp.ones(2)})


def test_dtypes() -> None:
    x = {"a": jnp.ones(2), "b": jnp.ones(2, jnp.bfloat16)}
    assert tree.dtype({"a": jnp.ones(2)}) == jnp.float32
    assert tree.dtype({}) == jnp.float32
    assert tree.dtype(x, "promote") == tree.dtype(x, "highest") == jnp.float32
    assert tree.dtype(x, "lowest") == jnp.bfloat16
    with pytest.raises(ValueError, match=r"float32 at \['a'\], bfloat16 at \['b'\]"):
        tree.dtype(x)
    with pytest.raises(ValueError, match="mixed_dtype_handler must be"):
        tree.dtype(x, "mean")
    halves = {"a": jnp.ones(2, jnp.float16), "b": jnp.ones(2, jnp.bfloat16)}
    assert tree.dtype(halves, "promote") == jnp.float32
    with pytest.raises(ValueError, match="both promote to float32"):
        tree.dtype(halves, "highest")
    assert tree.cast(x, None) is x
    assert tree.cast(x, jnp.float16)["a"].dtype == jnp.float16


def test_keys_and_draws() -> None:
    keys = tree.split_key_like(jax.random.key(0), X)
    assert jax.tree.structure(keys) == jax.tree.structure(X)
    drawn = tree.random_like(jax.random.key(0), X, jax.random.uniform, jnp.bfloat16)
    assert drawn["a"].dtype == jnp.bfloat16
    assert drawn["a"][0] != drawn["a"][1]
    assert drawn["a"][0] != drawn["b"][0]
    np.testing.assert_array_equal(drawn["a"], jax.random.uniform(keys["a"], (2,), jnp.bfloat16))


@pytest.mark.exhaustive
def test_a_moment_steps_from_the_nearer_end() -> None:
    """With decays near 0 and 1 no digits are lost, and low precision is rounded once."""
    assert tree.update_moment(jnp.array(1e-20), jnp.array(1.0), 0.0, 1) == jnp.float32(1e-20)
    got = tree.bias_correction(jnp.array([1.0]), 0.999, jnp.array(1))
    np.testing.assert_allclose(got, [1000.0], rtol=1e-6)
    narrow = tree.update_moment(jnp.ones(2, jnp.bfloat16), jnp.full(2, 0.5, jnp.bfloat16), 0.9, 2)
    assert narrow.dtype == jnp.bfloat16
    assert narrow.tolist() == [0.55078125] * 2
    assert tree.update_moment(None, None, 0.9, 1) is None
    odd = tree.update_moment_per_elem_norm(jnp.array([3.0 + 4.0j]), jnp.array([0.0]), 0.5, 3)
    np.testing.assert_allclose(odd, [62.5])

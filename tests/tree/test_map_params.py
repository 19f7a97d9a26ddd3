"""`tree.map_params`: every array that mirrors a parameter, and no other."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import gradtx
from gradtx import tree
from tests.cases import CASES, make_matrix_and_vector

# Their layout depends on the shapes of the parameters.
BY_SHAPE = ("sm3", "scale_by_sm3", "monitor", "flatten")
OF_PARAMS = (jax.tree_util.DictKey("kernel"), jax.tree_util.DictKey("bias"))
CASE_NAMES = [name for name in CASES if name not in BY_SHAPE]


@pytest.mark.parametrize("name", CASE_NAMES)
def test_every_array_in_the_shape_of_a_parameter_is_mapped(name: str) -> None:
    tx, params = CASES[name], make_matrix_and_vector(jnp.float32)
    state = tx.init(params)
    names = {"kernel": "kernel", "bias": "bias"}
    mapped = tree.map_params(tx, lambda leaf, name: name, state, names, transform_non_params=lambda leaf: 0)
    for (path, _), result in zip(
        jax.tree_util.tree_leaves_with_path(state), jax.tree.leaves(mapped), strict=True
    ):
        last = path[-2] if str(path[-1]) in (".codes", ".scales") else path[-1]
        assert result == (last.key if last in OF_PARAMS else 0)


def test_it_serves_parts_of_optax_in_a_chain() -> None:
    params = {"w": jnp.ones(2)}
    tx = gradtx.chain(optax.scale_by_adam(), gradtx.trace(0.9))
    mapped = tree.map_params(tx, lambda leaf: leaf + 1, tx.init(params))
    assert mapped[0].mu["w"].tolist() == [1.0, 1.0]
    assert mapped[1].trace["w"].tolist() == [1.0, 1.0]
    assert mapped[0].count == 0
    state = gradtx.adam(0.1).init(params)
    mapped = optax.tree.map_params(gradtx.adam(0.1), lambda leaf: leaf + 1, state)
    assert mapped[0].nu["w"].tolist() == [1.0, 1.0]


def test_a_leaf_that_takes_no_part_stays() -> None:
    params = {"w": jnp.ones(2), "frozen": jnp.ones(3)}
    tx = gradtx.masked(gradtx.trace(0.9), gradtx.by_path({"frozen": False, "": True}))
    specs: Any = {"w": "split", "frozen": "whole"}
    mapped = tree.map_params(tx, lambda leaf, spec: spec, tx.init(params), specs)
    assert mapped.inner_state.trace == {"w": "split", "frozen": gradtx.MaskedNode()}


def test_a_function_serves_as_the_optimizer() -> None:
    tx = gradtx.adam(0.1)
    state = tx.init(jnp.ones(2))
    assert tree.map_params(tx.init, jnp.shape, state, is_leaf=None)[0].mu == (2,)


def test_the_state_of_another_optimizer_is_refused() -> None:
    with pytest.raises(tree.TreeMismatchError, match="not one of this optimizer"):
        tree.map_params(gradtx.adam(0.1), jnp.shape, gradtx.sgd(0.1).init(jnp.ones(2)))

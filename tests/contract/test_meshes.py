"""On a mesh of eight devices: state that is split finer than the gradients, and what devices send."""

import math
import re
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

import gradtx
from tests.cases import CASES, make_gradients, make_matrix_and_vector
from tests.contract.test_contract import alone, assert_same, assert_split, rounding, step

pytestmark = pytest.mark.exhaustive


def placed(tree: Any, mesh: Any, spec: Any) -> Any:
    return jax.device_put(tree, NamedSharding(mesh, spec))


@pytest.mark.parametrize("name", CASES)
def test_state_may_be_split_finer_than_the_gradients(name: str) -> None:
    """As in ZeRO, on explicit axes: updates lie as the parameters do, state stays split, with one program."""
    tx, params = CASES[name], make_matrix_and_vector(jnp.float32)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Explicit,))
    with jax.set_mesh(mesh):
        state = jax.jit(tx.init)(placed(params, mesh, P("data")))
        update = jax.jit(lambda *arguments: step(tx, *arguments))
        for index in range(3):
            gradients = placed(make_gradients(params, index), mesh, P())
            updates, state = update(gradients, state, placed(params, mesh, P()))
        assert update._cache_size() == 1
        assert_split(state, NamedSharding(mesh, P("data")))
        assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(updates))
    assert_same(jax.device_get((updates, state)), jax.device_get(alone(name)[-1]), **rounding(jnp.float32))


def test_state_that_is_whole_stays_so() -> None:
    """Beside gradients that are split."""
    tx, params = gradtx.adam(0.1), make_matrix_and_vector(jnp.float32)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Explicit,))
    with jax.set_mesh(mesh):
        state = jax.jit(tx.init)(placed(params, mesh, P()))
        gradients = placed(make_gradients(params, 0), mesh, P("data"))
        updates, state = jax.jit(tx.update)(gradients, state, placed(params, mesh, P()))
        assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(state))
        assert_split(updates, NamedSharding(mesh, P("data")))


@pytest.mark.parametrize("spec", [P("data"), P(None, "data")])
@pytest.mark.parametrize("is_set", [True, False])
def test_lamb_on_an_automatic_mesh_sends_numbers_alone(spec: Any, is_set: bool) -> None:
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    tx, params = gradtx.lamb(0.1, weight_decay=0.1), placed(jnp.ones((512, 256)), mesh, spec)
    with jax.set_mesh(mesh) if is_set else nullcontext():
        state = jax.jit(tx.init)(params)
        text = jax.jit(tx.update).lower(params, state, params).compile().as_text()
    results = re.findall(r" = (.*) (?:all-|reduce-scatter|collective-)[a-z-]*\(", text)
    shapes = [shape for result in results for shape in re.findall(r"\w\[([\d,]*)\]", result)]
    assert shapes
    assert 4 * sum(math.prod(map(int, filter(None, shape.split(",")))) for shape in shapes) < 1024

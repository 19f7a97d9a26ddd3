"""AdamW behind clipping on a mesh of eight devices: every array stays where its parameter is."""

from collections.abc import Callable, Iterator
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec as P

import gradtx
from tests.training.problem import STEPS, assert_same_run, data, initial_params, loss, optimizer

SPECS = {"kernel": P("data", None), "transposed": P(None, "data"), "bias": P("data"), "gain": P()}


def tx(axis_name: str | None = None) -> gradtx.GradientTransformation:
    """Clips always: the gradients below are longer than 1."""
    return gradtx.chain(
        gradtx.clip_by_global_norm(1.0, axis_name=axis_name),
        gradtx.adamw(
            gradtx.warmup_cosine_decay_schedule(0.0, 0.1, 2, 10),
            weight_decay=0.1,
            mask=gradtx.except_bias_norm_embedding,
        ),
    )


def params() -> Any:
    draw = np.random.default_rng(0)
    shapes = {"kernel": (16, 4), "transposed": (4, 8), "bias": (8,), "gain": ()}
    return {name: jnp.asarray(draw.normal(size=shape), jnp.float32) for name, shape in shapes.items()}


def gradients_at(step: int, params: Any) -> Any:
    return jax.tree.map(lambda p: jnp.cos(p + step), params)


@pytest.fixture(params=[AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
def mesh(request) -> Iterator[Mesh]:
    mesh = jax.make_mesh((8,), ("data",), axis_types=(request.param,))
    with jax.set_mesh(mesh):
        yield mesh


def sharded(tree: Any, mesh: Mesh) -> Any:
    return {name: jax.device_put(leaf, NamedSharding(mesh, SPECS[name])) for name, leaf in tree.items()}


def assert_sharded_as_params(tree: Any, mesh: Mesh) -> None:
    for name, leaf in tree.items():
        assert leaf.sharding.is_equivalent_to(NamedSharding(mesh, SPECS[name]), leaf.ndim), name


def run(
    params: Any, init: Callable[[Any], Any], update: Callable[..., Any], steps: int = 4
) -> tuple[Any, Any, Any]:
    state = init(params)
    updates = None
    for step in range(steps):
        updates, state = update(gradients_at(step, params), state, params)
        params = gradtx.apply_updates(params, updates)
    return params, updates, state


def test_the_state_is_made_where_the_parameters_are(mesh):
    state = jax.jit(tx().init)(sharded(params(), mesh))
    for field in ("mu", "nu"):
        assert_sharded_as_params(gradtx.tree.get(state, field), mesh)


def test_state_updates_and_parameters_stay_there(mesh):
    new_params, updates, state = run(sharded(params(), mesh), jax.jit(tx().init), jax.jit(tx().update))
    for tree in (new_params, updates, *(gradtx.tree.get(state, field) for field in ("mu", "nu"))):
        assert_sharded_as_params(tree, mesh)


def test_outside_of_jit_too(mesh):
    new_params, updates, state = run(sharded(params(), mesh), tx().init, tx().update, steps=1)
    for tree in (new_params, updates, *(gradtx.tree.get(state, field) for field in ("mu", "nu"))):
        assert_sharded_as_params(tree, mesh)


def test_the_numbers_are_those_of_one_device(mesh):
    expected = run(params(), tx().init, jax.jit(tx().update))
    got = run(sharded(params(), mesh), jax.jit(tx().init), jax.jit(tx().update))
    # The norm is summed in another order.
    chex.assert_trees_all_close(jax.device_get(got), jax.device_get(expected), rtol=1e-5, atol=1e-7)


def test_donated_shards_are_reused(mesh):
    update = jax.jit(tx().update, donate_argnums=(0, 1))
    placed = sharded(params(), mesh)
    state = jax.jit(tx().init)(placed)
    gradients = gradients_at(0, placed)
    before = jax.tree.leaves((gradients, state))
    update(gradients, state, placed)
    assert all(array.is_deleted() for array in before)


SPLIT = {name: spec for name, spec in SPECS.items() if spec != P()}


def split_params() -> Any:
    return {name: leaf for name, leaf in params().items() if name in SPLIT}


def run_in_shard_map(axis_name: str | None) -> tuple[Any, Any, Any]:
    """The run with `init` and `update` on one shard each, every leaf split."""
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    init, update = tx(axis_name)
    state_specs = jax.tree.map(lambda _: P(), jax.eval_shape(init, split_params()))
    state_specs = gradtx.tree.set(state_specs, mu=SPLIT, nu=SPLIT)
    return run(
        sharded(split_params(), mesh),
        jax.jit(jax.shard_map(init, mesh=mesh, in_specs=(SPLIT,), out_specs=state_specs)),
        jax.jit(
            jax.shard_map(
                update, mesh=mesh, in_specs=(SPLIT, state_specs, SPLIT), out_specs=(SPLIT, state_specs)
            )
        ),
    )


@pytest.mark.exhaustive
def test_inside_shard_map_the_named_axis_makes_the_norm_that_of_the_whole():
    expected = run(split_params(), tx().init, jax.jit(tx().update))
    got = run_in_shard_map("data")
    chex.assert_trees_all_close(jax.device_get(got), jax.device_get(expected), rtol=1e-5, atol=1e-7)


def test_without_the_name_a_shard_is_refused():
    with pytest.raises(ValueError, match=r"(?s)clip_by_global_norm: .*\['bias'\].*Name the axes.*'data'"):
        run_in_shard_map(None)


@pytest.mark.parametrize("placement", ["data parallel", "parameters split too"])
def test_a_training_run_on_the_mesh_is_the_run_on_one_device(placement):
    """The batch is split over the devices; the weights are copied to each, or split over it as well."""
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    batch = jax.device_put(data(), NamedSharding(mesh, P("data")))
    spec = {False: P(), True: P("data")}

    def place(leaf: jax.Array) -> jax.Array:
        divisible = placement != "data parallel" and leaf.ndim > 0 and leaf.shape[0] % 8 == 0
        return jax.device_put(leaf, NamedSharding(mesh, spec[divisible]))

    weights, training = jax.tree.map(place, initial_params()), optimizer()

    @jax.jit
    def step(weights: Any, state: Any) -> tuple[Any, Any, jax.Array]:
        value, gradients = jax.value_and_grad(loss)(weights, *batch)
        updates, state = training.update(gradients, state, weights)
        return gradtx.apply_updates(weights, updates), state, value

    state, losses = jax.jit(training.init)(weights), []
    for _ in range(STEPS):
        weights, state, value = step(weights, state)
        losses.append(float(value))
    assert_same_run(losses, jax.device_get(weights))

"""Training with faults: gradients that are not finite are kept out by every wrapper that guards."""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import apply_if_finite, dynamic_loss_scale, guard
from tests.faults import PARAMS, STEPS, assert_same, clean_gradients, spoiled, train

BURSTS = {"first": [0], "middle": [20], "last": [STEPS - 1], "burst": [3, 4, 5, 30, 31]}


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf])
@pytest.mark.parametrize("places", BURSTS.values(), ids=BURSTS)
@pytest.mark.parametrize("wrapper", ["apply_if_finite", "guard"])
def test_a_run_with_faults_is_the_run_without_those_batches(
    wrapper: str, places: list[int], bad: float
) -> None:
    inner = gradtx.adamw(0.01)
    tx = apply_if_finite(inner, 5) if wrapper == "apply_if_finite" else guard(inner)
    clean = clean_gradients()
    faulty = [spoiled(g, bad) if t in places else g for t, g in enumerate(clean)]
    params, state = train(tx, faulty)
    expected, inner_state = train(inner, [g for t, g in enumerate(clean) if t not in places])
    assert_same(params, expected)
    assert_same(state.inner_state, inner_state)
    if wrapper == "guard":
        assert (state.count, state.skipped, state.accepted) == (STEPS, len(places), STEPS - len(places))
        assert state.consecutive == (1 if STEPS - 1 in places else 0)
        assert tx.report(state, PARAMS).endswith("Last not finite: ['layer']['kernel'].")
    else:
        assert state.total_notfinite == len(places)
        assert state.last_finite == (STEPS - 1 not in places)


@pytest.mark.exhaustive
def test_failing_for_too_long_can_be_read() -> None:
    bad = [spoiled(g, jnp.nan) for g in clean_gradients()[:4]]
    for tx in (guard(gradtx.sgd(0.1), max_consecutive=3), apply_if_finite(gradtx.sgd(0.1), 3)):
        assert not tx.has_failed(train(tx, bad[:3])[1])
        assert tx.has_failed(train(tx, bad)[1])
        assert not tx.has_failed(train(tx, [*bad, clean_gradients()[0]])[1])


@pytest.mark.parametrize(
    "tx",
    [
        apply_if_finite(gradtx.sgd(1.0), 1, axis_name="d"),
        dynamic_loss_scale(gradtx.sgd(1.0), 1.0, axis_name="d"),
    ],
)
def test_a_fault_in_one_shard_is_a_fault_in_all(tx: Any) -> None:
    mesh = jax.make_mesh((8,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.PartitionSpec("d")

    def step(g: Any) -> Any:
        return tx.update(g, tx.init(g))[0]

    sharded = jax.jit(jax.shard_map(step, mesh=mesh, in_specs=split, out_specs=split))
    np.testing.assert_array_equal(sharded(jnp.ones(8)), -1.0)
    np.testing.assert_array_equal(sharded(jnp.ones(8).at[3].set(jnp.nan)), 0.0)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tx: gradtx.apply_if_finite(tx, 3),
        gradtx.guard,
        lambda tx: gradtx.dynamic_loss_scale(tx, 1.0),
    ],
    ids=["apply_if_finite", "guard", "dynamic_loss_scale"],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_an_update_that_overflows_is_left_out_with_its_state(wrap, compiled):
    """The gradient is finite and its double is not, in float16."""
    tx, params = wrap(gradtx.chain(gradtx.trace(0.5), gradtx.scale(2.0))), jnp.ones(2, jnp.float16)
    update = jax.jit(tx.update) if compiled else tx.update
    state = tx.init(params)
    updates, after = update(jnp.array([1.0, 4e4], jnp.float16), state, params)
    assert updates.tolist() == [0.0, 0.0]
    chex.assert_trees_all_equal(after.inner_state, state.inner_state)
    updates, _ = update(jnp.array([1.0, 2e4], jnp.float16), after, params)
    assert updates.tolist() == [2.0, 4e4]


def test_an_update_that_overflows_is_counted_and_located() -> None:
    params = {"a": jnp.ones(2, jnp.float16), "b": jnp.ones(2, jnp.float16)}
    gradients = {"a": params["a"], "b": jnp.array([1.0, 4e4], jnp.float16)}
    for tx in (apply_if_finite(gradtx.scale(2.0), 3), guard(gradtx.scale(2.0))):
        _, state = tx.update(gradients, tx.init(params), params)
        if isinstance(tx, guard):
            assert (state.skipped, state.accepted, state.consecutive) == (1, 0, 1)
            assert tx.report(state, params).endswith("Last not finite: ['b'].")
        else:
            assert (state.total_notfinite, state.notfinite_count, state.last_finite) == (1, 1, False)

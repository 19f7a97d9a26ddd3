"""Gradients split over devices: all of them make one decision, and report the same."""

import functools
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

import gradtx
from gradtx import (
    accumulate,
    by_group,
    by_path,
    cautious,
    exceeds,
    graft,
    guard,
    measure_with_ema,
    monitor,
    scale_by_lion,
    sgd,
    sign_sgd,
)

DEVICES = 8
SPLIT, EACH, WHOLE = P("d"), P(None, "d"), P()
G = {
    "a": jnp.linspace(0.5, 1.0, 2 * DEVICES).reshape(DEVICES, 2),
    "b": jnp.linspace(-1.0, 1.0, DEVICES),
}
LOSSES = jnp.linspace(0.9, 1.1, DEVICES)


def on_shards(function: Any, in_specs: Any, out_specs: Any) -> Any:
    """`function` on each shard; what varies over them cannot leave as `WHOLE`: JAX checks it."""
    mesh = jax.make_mesh((DEVICES,), ("d",), axis_types=(AxisType.Auto,))
    return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=in_specs, out_specs=out_specs))


def assert_close(one: Any, other: Any) -> None:
    # A sum over shards is taken in another order.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), one, other)


def batches() -> list[tuple[Any, Any]]:
    """Gradients and losses, four usual ones and then each kind of fault, on one shard alone."""
    nan, half = jnp.nan, jax.tree.map(lambda g: 1.1 * g, G)
    return [
        *[(G, LOSSES), (half, 1.1 * LOSSES)] * 2,
        ({**G, "b": G["b"].at[5].set(nan)}, LOSSES),
        ({**G, "a": G["a"].at[3].mul(200.0)}, LOSSES),
        (G, LOSSES.at[2].set(50.0)),
        (G, LOSSES.at[7].set(jnp.inf)),
        ({"a": G["a"].at[6].set(nan), "b": G["b"].at[1].set(nan)}, LOSSES),
        (G, LOSSES),
    ]


@pytest.mark.parametrize("on_spike", ["skip", "clip"])
def test_a_guard_decides_and_reports_for_all_shards(on_spike: str) -> None:
    make = functools.partial(guard, gradtx.sgd(1.0), warmup_steps=3, on_spike=on_spike, watch_loss=True)
    whole, split = make(), make(axis_name="d")

    def run(tx: Any, g: Any, losses: Any, mean: Any = jnp.mean) -> Any:
        def step(state: Any, batch: Any) -> Any:
            updates, state = tx.update(batch[0], state, value=mean(batch[1]))
            return state, (updates, state)

        return jax.lax.scan(step, tx.init(jax.tree.map(lambda x: x[0], g)), (g, losses))[1]

    each = jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches())
    expected = jax.jit(functools.partial(run, whole))(*each)
    own_loss = functools.partial(run, split, mean=lambda losses: losses[0])
    updates, states = on_shards(own_loss, (EACH, EACH), (EACH, WHOLE))(*each)
    assert_close((updates, states), expected)
    reports = [split.report(jax.tree.map(lambda x, t=t: x[t], states), G) for t in range(len(batches()))]
    assert reports[4].endswith("1 of 5 updates skipped, 1 in a row; 0 clipped. Last not finite: ['b'].")
    counts = "4 of 10 updates skipped, 0 in a row; 1" if on_spike == "clip" else "5 of 10 updates skipped, 0"
    assert reports[-1].startswith(counts)
    assert reports[-1].endswith("Last not finite: ['a'].")


@pytest.mark.exhaustive
def test_measures_are_those_of_the_whole() -> None:
    params = {"a": jnp.ones((DEVICES, 2), jnp.bfloat16), "b": jnp.ones(DEVICES)}
    g = {"a": G["a"].at[:3].set(1e-4), "b": G["b"]}
    measures = {
        "gradient": gradtx.gradient_norm,
        "update": gradtx.update_norm,
        "unmoved": gradtx.unmoved_share,
        "ratio": by_group(gradtx.update_ratio, by_path({"a": "a", "b": "b"})),
        "clipped": measure_with_ema(exceeds(2.5), 0.5),
    }
    assert gradtx.global_norm(jax.tree.map(lambda x: x[:1], g)) < 2.5 < gradtx.global_norm(g)
    whole, split = (monitor(measures, gradtx.sgd(1.0), axis_name=name) for name in (None, "d"))
    update = on_shards(split.update, (SPLIT, WHOLE, SPLIT), (SPLIT, WHOLE))
    _, state = update(g, split.init(params), params)  # made outside, where there is no axis
    assert_close(state, whole.update(g, whole.init(params), params)[1])
    assert state.measurements["unmoved"] == 0.25


@pytest.mark.parametrize(
    ("skips", "bad"),
    [
        (gradtx.skip_not_finite, jnp.nan),
        (functools.partial(gradtx.skip_large_updates, max_squared_norm=100.0), 30.0),
        (functools.partial(gradtx.skip_large_updates, max_squared_norm=100.0), 9.0),  # no shard's own
    ],
)
def test_a_micro_batch_is_left_out_on_all_shards(skips: Any, bad: float) -> None:
    whole = accumulate(gradtx.sgd(1.0), 1, should_skip_update_fn=skips)
    split = gradtx.replace(whole, should_skip_update_fn=functools.partial(skips, axis_name="d"))
    g = {**G, "b": G["b"].at[jnp.array([2, 4])].set(bad)}

    def once(tx: Any, g: Any) -> Any:
        updates, state = tx.update(g, tx.init(g))
        return updates, state.skip_state

    updates, told = on_shards(functools.partial(once, split), (SPLIT,), (SPLIT, WHOLE))(g)
    assert_close((updates, told), once(whole, g))
    assert told["should_skip"]
    np.testing.assert_array_equal(updates["a"], 0.0)


@pytest.mark.parametrize("how", ["jit", "eager", "no mesh set"])
def test_zeros_lie_on_an_explicit_mesh_as_the_update_would(how: str) -> None:
    """Per-example gradients have another shape than what is made of them."""
    mesh = jax.make_mesh((DEVICES,), ("d",), axis_types=(AxisType.Explicit,))
    tx = guard(gradtx.stateless(lambda each, params: jnp.mean(each, 0)))
    params = jax.device_put(jnp.ones((DEVICES, 2)), NamedSharding(mesh, P("d", None)))
    each = jax.device_put(jnp.ones((3, DEVICES, 2)), NamedSharding(mesh, P(None, "d", None)))
    update, state = jax.jit(tx.update) if how == "jit" else tx.update, tx.init(params)
    with nullcontext() if how == "no mesh set" else jax.set_mesh(mesh):
        made, _ = update(each, state, params)
        skipped, _ = update(jnp.nan * each, state, params)
    assert made.sharding == skipped.sharding == params.sharding
    np.testing.assert_array_equal(made, 1.0)
    np.testing.assert_array_equal(skipped, 0.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda axis: cautious(scale_by_lion(), descent=False, axis_name=axis),
        lambda axis: graft(sgd(0.5), sign_sgd(0.1), axis_name=axis),
        lambda axis: graft(sgd(0.5), sign_sgd(0.1), layerwise=False, axis_name=axis),
        lambda axis: gradtx.normalize_by_update_norm(axis_name=axis),
    ],
    ids=["caution", "graft", "global graft", "norm"],
)
def test_inside_shard_map_the_named_axis_makes_one_leaf_of_its_shards(make):
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.PartitionSpec("data")
    gradients = jnp.cos(jnp.arange(128.0) ** 1.5).reshape(2, 16, 4) * jnp.array([[[9.0]], [[1.0]]])

    def second_update(tx: Any) -> Any:
        def update(first: Any, second: Any) -> Any:
            _, state = tx.update(first, tx.init(first))
            return tx.update(second, state)[0]

        return update

    def on_mesh(tx: Any) -> Any:
        sharded = jax.shard_map(second_update(tx), mesh=mesh, in_specs=(split, split), out_specs=split)
        return jax.jit(sharded)(*gradients)

    whole = second_update(make(None))(*gradients)
    np.testing.assert_allclose(on_mesh(make("data")), whole, rtol=1e-5)


def test_updates_are_checked_where_init_was_outside() -> None:
    tx = gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adam(0.1))
    state = tx.init(G)
    update = on_shards(lambda g: tx.update(g, state)[0], (SPLIT,), SPLIT)
    with pytest.raises(ValueError, match=r"clip_by_global_norm: in the updates the leaf at \['a'\] varies"):
        update(G)

"""The state by names, and the state of a changed optimizer."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as orbax
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import gradtx
from gradtx import (
    adam,
    adamw,
    by_path,
    carry,
    chain,
    clip_by_global_norm,
    from_state_dict,
    linear_schedule,
    partition,
    to_state_dict,
    trace,
)
from tests.cases import CASES, make_params

PARAMS = {"w": jnp.arange(6.0).reshape(3, 2), "b": jnp.ones(2)}
FALLING = linear_schedule(0.1, 0.0, 100)


def after(tx: Any, steps: int = 3, params: Any = PARAMS) -> Any:
    state = tx.init(params)
    for step in range(steps):
        _, state = tx.update(jax.tree.map(partial(jnp.add, step), params), state, params)
    return state


def assert_equal(one: Any, other: Any) -> None:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", CASES)
def test_each_array_has_a_name_of_its_own_and_comes_back(name: str) -> None:
    tx, params = CASES[name], make_params(jnp.float32)
    state = tx.init(params)
    named = to_state_dict(tx, state)
    assert len(named) == len(jax.tree.leaves(state))
    back = from_state_dict(tx, params, named)
    assert jax.tree.structure(back) == jax.tree.structure(state)
    assert all(a is b for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(state), strict=True))
    carried_state, carried = carry(state, tx, tx, params)
    assert jax.tree.structure(carried_state) == jax.tree.structure(state)
    arrays = {name.removesuffix("/codes") for name in named if not name.endswith("/scales")}
    assert dict(carried.carried) == {name: name for name in arrays}
    assert not carried.new
    assert not carried.dropped


def test_names_stay_when_the_optimizer_changes() -> None:
    names = set(to_state_dict(adam(0.1), adam(0.1).init(PARAMS)))
    assert names == {f"scale_by_adam/{place}" for place in ("count", "mu/w", "mu/b", "nu/w", "nu/b")}
    changed = gradtx.guard(chain(clip_by_global_norm(1.0), adam(FALLING, b1=FALLING)))
    found = set(to_state_dict(changed, changed.init(PARAMS)))
    assert names | {"scale_by_adam/schedule_count", "scale_by_learning_rate/schedule_count"} < found


def test_the_second_of_a_class_has_a_number() -> None:
    tx = chain(trace(0.9), trace(0.5))
    assert set(to_state_dict(tx, tx.init(jnp.ones(2)))) == {"trace/trace", "trace_2/trace"}


def test_what_does_not_fit_is_listed() -> None:
    named = to_state_dict(adam(0.1), adam(0.1).init(PARAMS))
    del named["scale_by_adam/mu/w"]
    named["scale_by_adam/nu/b"] = jnp.ones(3)
    named["trace/trace"] = jnp.ones(2)
    with pytest.raises(gradtx.StateMismatchError) as raised:
        from_state_dict(adam(0.1), PARAMS, named)
    for part in ("scale_by_adam/mu/w is missing", "trace/trace has no place", "scale_by_adam/nu/b: expected"):
        assert part in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 10


@pytest.mark.exhaustive
def test_orbax_saves_and_restores_bit_for_bit_on_another_mesh(tmp_path: Path) -> None:
    tx = gradtx.chain(clip_by_global_norm(1.0), adamw(FALLING, mu_dtype=jnp.bfloat16))
    params = {"w": jnp.arange(16.0).reshape(8, 2), "b": jnp.ones(8)}

    def on(mesh: Any) -> Any:
        return lambda leaf: jax.device_put(
            leaf, NamedSharding(mesh, PartitionSpec("data") if jnp.ndim(leaf) else PartitionSpec())
        )

    eight, two = (jax.make_mesh((size,), ("data",), devices=jax.devices()[:size]) for size in (8, 2))
    state = jax.tree.map(on(eight), after(tx, params=params))
    named = to_state_dict(tx, state)
    with orbax.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", named)
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(tmp_path / "state", jax.tree.map(on(two), named))
    back = from_state_dict(tx, params, restored)
    assert_equal(back, state)
    assert {len(leaf.sharding.device_set) for leaf in jax.tree.leaves(back)} == {2}
    with jax.disable_jit():
        one, other = (
            tx.update(params, state, params) for state in (after(tx, params=params), jax.device_get(back))
        )
    assert_equal(one, other)


CHANGES = {
    "clipping before it": (adam(0.1), chain(clip_by_global_norm(1.0), adam(0.1))),
    "a guard around it": (adam(0.1), gradtx.guard(adam(0.1))),
    "accumulation around it": (adam(0.1), gradtx.MultiSteps(adam(0.1), 4)),
    "weight decay after it": (adam(0.1), adamw(0.1)),
    "a schedule for a number": (adam(0.1), adam(FALLING)),
    "a number for a schedule": (adam(FALLING), adam(0.1)),
    "a schedule of its own": (adam(0.1), adam(0.1, b1=FALLING)),
    "another group for a leaf": (
        partition({"a": adam(0.1), "z": adam(0.2)}, by_path({"w": "a", "": "z"})),
        partition({"a": adam(0.1), "z": adam(0.2)}, by_path({"w": "z", "": "a"})),
    ),
    "no groups any more": (
        partition({"a": adam(0.1), "z": adam(0.1)}, by_path({"w": "a", "": "z"})),
        adam(0.1),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_moments_of_a_changed_optimizer_stay(name: str) -> None:
    old, new = CHANGES[name]
    state, carried = carry(after(old), old, new, PARAMS)
    assert jax.tree.structure(state) == jax.tree.structure(new.init(PARAMS))
    expected = after(adam(0.1))[0]
    for moment in ("mu", "nu"):
        for leaf in PARAMS:
            end = f"/{moment}/{leaf}"
            got = next(array for key, array in to_state_dict(new, state).items() if key.endswith(end))
            np.testing.assert_array_equal(got, getattr(expected, moment)[leaf])
    assert not any("/mu/" in name for name in (*carried.new, *carried.dropped))
    assert {*carried.carried, *carried.new} == set(to_state_dict(new, state))
    assert {*carried.carried.values(), *carried.dropped} == set(to_state_dict(old, after(old)))


@pytest.mark.exhaustive
def test_a_new_schedule_begins_at_the_count_of_the_rule() -> None:
    state, _ = carry(after(adam(0.1)), adam(0.1), adam(FALLING), PARAMS)
    assert state[1].count == 3
    assert carry(after(adam(0.1)), adam(0.1), adam(FALLING), PARAMS, count=7)[0][1].count == 7
    with pytest.raises(
        ValueError, match=r"carry: scale_by_learning_rate has a schedule.*carry\(\.\.\., count="
    ):
        carry(after(gradtx.momentum(0.1)), gradtx.momentum(0.1), gradtx.momentum(FALLING), PARAMS)


def test_a_new_rule_counts_from_zero() -> None:
    """Its moments are zero, and the correction of their bias needs their own count."""
    old = gradtx.momentum(FALLING)
    state, carried = carry(after(old), old, adam(FALLING), PARAMS)
    assert state[0].count == 0
    assert state[1].count == 3
    assert "trace/trace/w" in carried.dropped


def test_of_two_of_a_class_the_one_with_the_same_number_is_carried() -> None:
    old, new = chain(trace(0.9), trace(0.5)), chain(trace(0.5), trace(0.8))
    state, carried = carry(after(old), old, new, PARAMS)
    assert_equal(state[0], after(old)[1])
    assert_equal(state[1], after(old)[0])
    assert carried.carried["trace/trace/w"] == "trace_2/trace/w"


def test_an_array_of_another_shape_is_new_and_dropped() -> None:
    grown = PARAMS | {"b": jnp.ones(5)}
    state, carried = carry(after(adam(0.1)), adam(0.1), adam(0.1), grown)
    assert state[0].mu["b"].shape == (5,)
    assert {"scale_by_adam/mu/b", "scale_by_adam/nu/b"} == set(carried.new) == set(carried.dropped)


def test_another_storage_dtype_is_that_of_the_new_optimizer() -> None:
    state, _ = carry(after(adam(0.1)), adam(0.1), adam(0.1, mu_dtype=jnp.bfloat16), PARAMS)
    assert state[0].mu["w"].dtype == jnp.bfloat16


def test_it_prints_what_was_carried_new_and_dropped() -> None:
    old, new = chain(trace(0.9), adam(0.1)), chain(adam(FALLING))
    lines = str(carry(after(old), old, new, PARAMS)[1]).splitlines()
    assert [line.split() for line in lines] == [
        ["state", "field", "arrays", "from"],
        ["carried", "scale_by_adam/count", "1"],
        ["carried", "scale_by_adam/mu", "2"],
        ["carried", "scale_by_adam/nu", "2"],
        ["new", "scale_by_learning_rate/schedule_count", "1"],
        ["dropped", "trace/trace", "2"],
    ]


def test_it_runs_under_jit() -> None:
    new = chain(clip_by_global_norm(1.0), adam(FALLING))
    state = jax.jit(lambda state: carry(state, adam(0.1), new, PARAMS)[0])(after(adam(0.1)))
    assert_equal(state, carry(after(adam(0.1)), adam(0.1), new, PARAMS)[0])

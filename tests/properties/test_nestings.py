"""Wrappers around wrappers around optimizers: whatever the nesting, it keeps to the contract.

Wrappers and optimizers are those of `tests.cases`: what holds another transformation is a wrapper, and is
put around some other one here.
"""

import pickle
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import gradtx
from gradtx import GradientTransformation
from tests.cases import (
    CASES,
    expression_namespace,
    extra_arguments,
    make_gradients,
    make_matrix_and_vector,
    takes_examples,
)
from tests.contract.test_contract import assert_same, assert_split, is_named, rounding, signature
from tests.contract.test_errors import parts_of


def read_init(params: Any) -> Any:
    """The state of `READER`."""
    return jnp.zeros(())


def read_update(updates: Any, state: Any, params: Any = None, *, value: Any) -> Any:
    """Keeps the extra argument `value`, without which it cannot be called."""
    return updates, jnp.asarray(value)


READER = GradientTransformation(read_init, read_update)
WRAPPERS = {
    name: case
    for name, case in CASES.items()
    if type(case).__name__ == name
    and name in {*gradtx.core.__all__, *gradtx.wrappers.__all__}
    and case.nested
}
OPTIMIZERS = {name: case for name, case in CASES.items() if is_named(name) and not takes_examples(case)}

nestings = st.tuples(
    st.sampled_from(sorted(OPTIMIZERS)),
    st.lists(st.sampled_from(sorted(WRAPPERS)), min_size=3, max_size=3),
)


def around(case: GradientTransformation, inner: GradientTransformation) -> GradientTransformation:
    """A wrapper as in its case, with `inner` as the first of what it holds."""
    if isinstance(case, gradtx.inject):  # it names numbers of what it holds
        names = Counter(name for part in parts_of(inner) for name in part.hyperparameters())
        names.update(name for part in parts_of(inner) for name in part.__dict__.get("names", ()))
        once = [name for name, times in names.items() if times == 1]  # and in no state already
        return gradtx.inject(inner, once[0]) if once else gradtx.chain(inner)
    if isinstance(case, gradtx.quantized):  # it names fields of the state of what it holds
        state = inner.init(make_matrix_and_vector(jnp.float32))
        had = {
            name: form
            for name, form in case.formats.tree.items()
            if gradtx.tree.get_all_with_path(state, name)
        }
        return case.with_fields(inner=inner, formats=gradtx.tree.Frozen(had))
    for name, held in case.__dict__.items():
        if isinstance(held, GradientTransformation):
            return case.with_fields(**{name: inner})
        if isinstance(held, tuple) and held and isinstance(held[0], GradientTransformation):
            return case.with_fields(**{name: (inner, *held[1:])})
    raise AssertionError(f"{case!r} holds nothing")


def nested_in(drawn: tuple[str, list[str]]) -> GradientTransformation:
    """The optimizer behind a reader of an extra argument, in one wrapper after the other."""
    optimizer, wrappers = drawn
    tx = gradtx.chain(READER, OPTIMIZERS[optimizer])
    for name in wrappers:
        tx = around(WRAPPERS[name], tx)
    return tx


@pytest.mark.exhaustive
@given(nestings)
@settings(max_examples=24, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_nesting_keeps_to_the_contract(drawn: tuple[str, list[str]]) -> None:
    tx, params = nested_in(drawn), make_matrix_and_vector(jnp.float32)
    steps = [make_gradients(params, index) for index in range(2)]
    extra = {**extra_arguments(tx, params), "value": jnp.float32(1.0)}

    # What it needs is what its parts need, and it says so.
    for part in tx.nested:
        assert part.needs <= tx.needs
    for name in tx.needs - {"params"}:
        with pytest.raises(ValueError, match=f"needs '{name}'"):
            tx.update(steps[0], tx.init(params), params, **{**extra, name: None})

    # It is a value.
    assert pickle.loads(pickle.dumps(tx)) == tx
    assert (
        eval(repr(tx), {**expression_namespace(), "read_init": read_init, "read_update": read_update}) == tx
    )

    # One trace, a stable state, and the same numbers eagerly, compiled and in a loop.
    traces = []

    @jax.jit
    def update(g: Any, state: Any, params: Any) -> Any:
        traces.append(None)
        return tx.update(g, state, params, **extra)

    eager = compiled = tx.init(params)
    for g in steps:
        updates, eager = tx.update(g, eager, params, **extra)
        fast, compiled = update(g, compiled, params)
    assert len(traces) == 1
    assert signature(eager) == signature(compiled) == signature(tx.init(params))
    assert_same((fast, compiled), (updates, eager), **rounding(jnp.float32, 1e-4))
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *steps)
    scanned, _ = jax.lax.scan(lambda state, g: update(g, state, params)[::-1], tx.init(params), stacked)
    assert_same(scanned, eager, **rounding(jnp.float32, 1e-4))

    # Split over 8 devices.
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    with jax.set_mesh(mesh):
        placed = jax.device_put(params, split)
        state = jax.jit(tx.init)(placed)
        for g in steps:
            updates, state = update(jax.device_put(g, split), state, placed)
        assert_split((updates, state), split)
    assert_same(jax.device_get(state), jax.device_get(eager), **rounding(jnp.float32, 1e-4))

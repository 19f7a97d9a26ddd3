"""What every public transformation and optimizer keeps to.

What is about dtypes runs in float32 and in bfloat16; what is about JAX's own transformations in float32
alone, since those do not look at the precision of what they transform. A named optimizer is a composition of
transformations that pass all of it by themselves, and of `chain` and `partition`, which do too: it is
asked what a composition could get wrong.
"""

import copy
import pickle
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import EmptyState, GradientTransformation
from tests.cases import (
    CASES,
    as_taken,
    expression_namespace,
    extra_arguments,
    make_gradients,
    make_matrix_and_vector,
    make_params,
    transformation_makers,
)

DTYPES = (jnp.float32, jnp.bfloat16)


def is_named(name: str) -> bool:
    """Whether the case is a named optimizer, a sentence of transformations that have cases of their own."""
    return name in gradtx.optimizers.__all__


RULES = [name for name in CASES if not is_named(name)]

every_case = pytest.mark.parametrize("name", CASES)
every_rule = pytest.mark.parametrize("name", RULES)
every_case_and_dtype = pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for name in CASES for dtype in DTYPES if dtype == jnp.float32 or not is_named(name)],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)


def step(tx: GradientTransformation, gradients: Any, state: Any, params: Any) -> tuple[Any, Any]:
    return tx.update(as_taken(tx, gradients), state, params, **extra_arguments(tx, params))


def one_by_one(*arguments: Any) -> tuple[Any, Any]:
    """`step`, one operation at a time: the operations are compiled once for all cases, kernels for each."""
    with jax.disable_jit():
        return step(*arguments)


def run(tx: GradientTransformation, params: Any, update: Any = one_by_one, steps: int = 3) -> list[Any]:
    """The updates and the state after each of some steps at fixed parameters."""
    state, history = tx.init(params), []
    for index in range(steps):
        updates, state = update(tx, make_gradients(params, index), state, params)
        history.append((updates, state))
    return history


@cache
def alone(name: str, make: Callable[[Any], Any] = make_matrix_and_vector, dtype: Any = jnp.float32) -> Any:
    """What a case does with parameters of its own, one operation at a time; every test compares with it."""
    return run(CASES[name], make(dtype))


@cache
def compiled(name: str, dtype: Any) -> tuple[Callable[..., Any], list[None]]:
    """The compiled `step` of a case, for `make_params`, and a list that grows by one with every trace."""
    traces: list[None] = []

    @jax.jit
    def update(gradients: Any, state: Any, params: Any) -> Any:
        traces.append(None)
        return step(CASES[name], gradients, state, params)

    return update, traces


def assert_same(actual: Any, expected: Any, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Equal structure, shapes, dtypes, and values to a tolerance; leaves without numbers are skipped."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert jnp.shape(one) == jnp.shape(other)
        if jnp.issubdtype(jnp.result_type(other), jnp.number):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(np.asarray(one, np.float64), np.asarray(other, np.float64), rtol, atol)


def rounding(dtype: Any, rtol: float = 1e-5) -> dict[str, float]:
    """How far two programs of the same arithmetic may be apart.

    A fused program rounds its intermediates differently. Where one of them, of size about 1, is in 16 bits,
    that is one unit in the last of its 8 binary places.
    """
    return {"rtol": 2.0**-7, "atol": 2.0**-8} if dtype == jnp.bfloat16 else {"rtol": rtol, "atol": 1e-6}


def signature(tree: Any) -> Any:
    """The structure of a tree with the shape, dtype and weak type of each leaf."""
    return jax.tree.map(lambda leaf: str(jax.typeof(leaf)), tree)


def is_none(node: Any) -> bool:
    return node is None


def test_every_public_transformation_has_a_case() -> None:
    assert set(transformation_makers()) == set(CASES)
    assert set(gradtx.optimizers.__all__) <= set(CASES)


@every_case_and_dtype
def test_state_is_stable_and_jit_equals_eager_with_one_trace(name: str, dtype: Any) -> None:
    tx, params = CASES[name], make_params(dtype)
    update, traces = compiled(name, dtype)
    eager = alone(name, make_params, dtype)
    at_once = run(tx, params, lambda _, *arguments: update(*arguments))
    assert len(traces) == 1
    for _, state in eager:
        assert signature(state) == signature(tx.init(params)) == signature(jax.eval_shape(tx.init, params))
    assert_same(at_once[-1], eager[-1], **rounding(dtype))


@every_rule
def test_state_does_not_follow_the_gradients_dtype(name: str) -> None:
    tx, params = CASES[name], make_params(jnp.float32)
    half = jax.tree.map(
        lambda g: g if g.dtype == jax.dtypes.float0 else g.astype(jnp.bfloat16), make_gradients(params, 0)
    )
    state = tx.init(params)
    _, after = jax.eval_shape(lambda *arguments: step(tx, *arguments), half, state, params)
    assert signature(after) == signature(state)


@every_case_and_dtype
def test_update_dtype_is_the_incoming_or_the_arithmetic_one(name: str, dtype: Any) -> None:
    tx, params = CASES[name], make_params(dtype)
    updates, state = alone(name, make_params, dtype)[0]
    dtypes = {leaf.dtype for leaf in jax.tree.leaves(updates) if jnp.issubdtype(leaf.dtype, jnp.inexact)}
    assert dtypes <= {jnp.dtype(dtype), jnp.dtype(jnp.float32)}
    if isinstance(state, EmptyState) and not tx.needs:
        assert dtypes == {jnp.dtype(dtype)}
    moved = gradtx.apply_updates(params, updates)
    assert jax.tree.map(jnp.result_type, moved) == jax.tree.map(jnp.result_type, params)


@every_case
def test_as_a_jit_argument_it_equals_itself_with_one_trace_for_all_values(name: str) -> None:
    tx, params = CASES[name], make_matrix_and_vector(jnp.float32)
    other = jax.tree.map(lambda number: number * 0.9, tx)
    traces = []

    @jax.jit
    def update(tx: Any, gradients: Any, state: Any, params: Any) -> Any:
        traces.append(None)
        return step(tx, gradients, state, params)

    for variant, expected in ((tx, alone(name)), (other, run(other, params))):
        # float32(0.999) as an argument differs from 0.999 by 5e-8, which the complement 0.001 feels as 1e-5.
        assert_same(run(variant, params, update)[-1], expected[-1], **rounding(jnp.float32, 1e-4))
    assert len(traces) == 1


@every_rule
def test_scan_equals_the_loop(name: str) -> None:
    tx, params = CASES[name], make_matrix_and_vector(jnp.float32)
    gradients = [make_gradients(params, index) for index in range(3)]
    updates, state = alone(name)[-1]

    def body(state: Any, gradients: Any) -> Any:
        updates, state = step(tx, gradients, state, params)
        return state, updates

    scanned, history = jax.lax.scan(
        body, tx.init(params), jax.tree.map(lambda *leaves: jnp.stack(leaves), *gradients)
    )
    assert_same(scanned, state, **rounding(jnp.float32))
    assert_same(jax.tree.map(lambda leaf: leaf[-1], history), updates, **rounding(jnp.float32))


@every_rule
def test_vmap_over_stacked_optimizers_equals_each_alone(name: str) -> None:
    tx = CASES[name]
    params = make_matrix_and_vector(jnp.float32)
    variants = [tx, jax.tree.map(lambda number: number * 0.9, tx)]
    stacked = gradtx.stack(variants) if jax.tree.leaves(tx) else tx
    axes = gradtx.state_axes(stacked, params)
    both = jax.vmap(lambda tx: run(tx, params, step, steps=2)[-1], axis_size=2, out_axes=(0, axes))
    updates, state = jax.jit(both)(stacked)
    for index, expected in enumerate((alone(name)[1], run(variants[1], params, steps=2)[1])):
        one = (
            jax.tree.map(lambda leaf, i=index: leaf[i], updates),
            jax.tree.map(
                lambda axis, leaf, i=index: leaf if axis is None else leaf[i], axes, state, is_leaf=is_none
            ),
        )
        assert_same(one, expected, **rounding(jnp.float32, 1e-4))


DEPENDS_ON_DATA = {
    "accumulate",
    "apply_if_finite",
    "as_transformation",
    "dynamic_loss_scale",
    "guard",
    "monitor",
    "reduce_on_plateau",
    "scale_by_backtracking_linesearch",
    "scale_by_zoom_linesearch",
}


@every_rule
def test_the_members_of_a_stack_share_every_count(name: str) -> None:
    params = make_matrix_and_vector(jnp.float32)
    state, axes = jax.eval_shape(CASES[name].init, params), gradtx.state_axes(CASES[name], params)
    mapped = jax.tree.map(
        lambda axis, leaf: axis == 0 and leaf.ndim == 0 and jnp.issubdtype(leaf.dtype, jnp.integer),
        axes,
        state,
        is_leaf=is_none,
    )
    assert any(jax.tree.leaves(mapped)) == (name in DEPENDS_ON_DATA)


@every_rule
def test_donated_buffers_serve(name: str) -> None:
    tx, params = CASES[name], make_matrix_and_vector(jnp.float32)
    expected = gradtx.apply_updates(params, alone(name)[0][0])

    def whole_step(gradients: Any, state: Any, params: Any) -> Any:
        updates, state = step(tx, gradients, state, params)
        return gradtx.apply_updates(params, updates), state

    gradients = make_gradients(params, 0)
    moved, _ = jax.jit(whole_step, donate_argnums=(1, 2))(gradients, tx.init(params), params)
    assert_same(moved, expected, **rounding(jnp.float32))


@every_case
def test_the_state_has_no_array_of_the_optimizer(name: str) -> None:
    """A step may be given the state to reuse, and the optimizer serves the next one."""
    tx = jax.tree.map(lambda number: jnp.asarray(number, jnp.float32), CASES[name])
    own, state = (
        {leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.Array)}
        for tree in (tx, tx.init(make_params(jnp.float32)))
    )
    assert own.isdisjoint(state)


@every_case
def test_prints_as_its_expression_compares_hashes_and_pickles(name: str) -> None:
    tx = CASES[name]
    for other in (
        eval(repr(tx), expression_namespace()),
        pickle.loads(pickle.dumps(tx)),
        copy.deepcopy(tx),
        jax.tree.map(lambda number: number, tx),
    ):
        assert other == tx
        assert hash(other) == hash(tx)
        assert repr(other) == repr(tx)
    changed = jax.tree.map(lambda number: number * 0.5 + 0.25, tx)
    assert (changed == tx) == (jax.tree.leaves(changed) == jax.tree.leaves(tx))


@every_case
def test_empty_trees_and_single_leaves(name: str) -> None:
    tx = CASES[name]
    for params in ({}, (), {"bias": None}, jnp.float32(0.5)):
        updates, state = one_by_one(tx, params, tx.init(params), params)
        assert jax.tree.structure(updates) == jax.tree.structure(params)
        assert signature(state) == signature(tx.init(params))


@every_case_and_dtype
def test_zero_gradients_stay_finite(name: str, dtype: Any) -> None:
    params = make_params(dtype)
    state = CASES[name].init(params)
    zeros = jax.tree.map(
        lambda g: g if g.dtype == jax.dtypes.float0 else jnp.zeros_like(g), make_gradients(params, 0)
    )
    update, _ = compiled(name, dtype)
    for _ in range(3):
        updates, state = update(zeros, state, params)
    for leaf in jax.tree.leaves((updates, state)):
        assert not jnp.issubdtype(leaf.dtype, jnp.inexact) or np.isfinite(np.asarray(leaf, np.float64)).all()


@every_case
def test_complex_leaves_keep_their_dtype(name: str) -> None:
    tx = CASES[name]
    params = make_matrix_and_vector(jnp.float32)
    params["kernel"] = jax.lax.complex(params["kernel"], params["kernel"][::-1])
    gradients = jax.tree.map(lambda p: p * 0.5, params)
    updates, state = one_by_one(tx, gradients, tx.init(params), params)
    assert signature(state) == signature(tx.init(params))
    chex.assert_tree_all_finite((updates, state))
    assert gradtx.apply_updates(params, updates)["kernel"].dtype == jnp.complex64


@every_rule
def test_lowers_for_accelerators(name: str) -> None:
    tx, params = CASES[name], make_matrix_and_vector(jnp.float32)
    exported = jax.export.export(
        jax.jit(lambda gradients, state, params: step(tx, gradients, state, params)),
        platforms=("tpu", "cuda"),
    )(make_gradients(params, 0), tx.init(params), params)
    assert exported.platforms == ("tpu", "cuda")


@every_rule
def test_names_itself_in_the_compiled_program(name: str) -> None:
    tx, params = CASES[name], {**make_params(jnp.float32), "steps": None}
    traced = jax.jit(lambda *arguments: step(tx, *arguments)).trace(
        make_gradients(params, 0), tx.init(params), params
    )
    if traced.jaxpr.eqns:  # the identity computes nothing that could bear its name
        assert f"/{type(tx).__name__}/" in traced.lower().as_text(debug_info=True)


@pytest.mark.exhaustive
@every_rule
@pytest.mark.parametrize(
    ("kind", "is_set"), [("Auto", True), ("Explicit", True), ("Explicit", False)], ids=str
)
def test_sharding_is_kept(name: str, kind: str, is_set: bool) -> None:
    tx = CASES[name]
    mesh = jax.make_mesh((8,), ("data",), axis_types=(getattr(jax.sharding.AxisType, kind),))
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    params = make_matrix_and_vector(jnp.float32)
    with jax.set_mesh(mesh) if is_set else nullcontext():
        params = jax.device_put(params, split)
        gradients = [jax.device_put(make_gradients(params, index), split) for index in range(3)]
        state = jax.jit(tx.init)(params)
        for tree in (state, tx.init(params)):
            assert_split(tree, split)
        update = jax.jit(lambda *arguments: step(tx, *arguments))
        for tree in gradients:
            updates, state = update(tree, state, params)
        # A sharding that is told otherwise compiles again, without a trace. Without a mesh that is set, the
        # first counts are on no mesh, and those of an update are.
        assert update._cache_size() == 1 or not is_set
        assert_split((updates, state), split)
    assert_same(jax.device_get((updates, state)), jax.device_get(alone(name)[-1]), **rounding(jnp.float32))


def assert_split(tree: Any, split: Any) -> None:
    """Every array with the axis along which the parameters are split, of length 8, is split as they are."""
    for leaf in jax.tree.leaves(tree):
        if leaf.shape[:1] == (8,):
            assert leaf.sharding.is_equivalent_to(split, leaf.ndim), leaf.sharding

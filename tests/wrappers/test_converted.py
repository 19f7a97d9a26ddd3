"""Wrappers that show all leaves in another form: one vector, and real and imaginary parts."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import flatten, split_real_and_imaginary
from gradtx.wrappers._complex import SplitRealAndImaginaryArrays
from tests.trajectories import SHAPES, gradients, parameters, rate, relative_error, trajectory

PARAMS = {
    "h": jnp.ones((2, 3), jnp.bfloat16),
    "n": jnp.arange(2),
    "none": None,
    "w": jnp.array([0.5, -0.5]),
}
GRADS = {
    "h": jnp.full((2, 3), 2, jnp.bfloat16),
    "n": np.zeros(2, jax.dtypes.float0),
    "none": None,
    "w": jnp.array([3.0, -4.0]),
}


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize(
    "inner", [gradtx.adamw(rate, weight_decay=0.1), gradtx.lion(rate)], ids=["adamw", "lion"]
)
def test_an_elementwise_rule_is_the_same_on_one_vector(inner: Any, dtype: str) -> None:
    params, steps = parameters(dtype), gradients(dtype)
    (ours, *_), (alone, *_) = (trajectory(tx, params, steps) for tx in (flatten(inner), inner))
    assert relative_error(ours, alone) < 1e-6


def test_a_norm_is_that_of_the_vector() -> None:
    params, steps = parameters(), gradients()
    (ours, *_), (alone, *_) = (
        trajectory(tx, params, steps)
        for tx in (flatten(gradtx.clip_by_block_norm(1.0)), gradtx.clip_by_global_norm(1.0))
    )
    assert relative_error(ours, alone) < 1e-6


def test_leaves_of_several_kinds() -> None:
    tx = flatten(gradtx.trace(0.5))
    state = tx.init(PARAMS)
    assert (state.trace.shape, state.trace.dtype) == ((8,), jnp.float32)
    updates, state = tx.update(GRADS, state, PARAMS)
    assert state.trace.tolist() == [2.0] * 6 + [3.0, -4.0]
    updates, state = tx.update(GRADS, state, PARAMS)
    assert updates["w"].tolist() == [4.5, -6.0]
    assert (updates["h"].dtype, updates["none"]) == (jnp.bfloat16, None)
    assert updates["n"].dtype == jax.dtypes.float0


def test_complex_and_real_leaves_are_one_complex_vector() -> None:
    params = {"c": jnp.array([1j]), "r": jnp.array([2.0])}
    tx = flatten(gradtx.trace(0.5))
    updates, state = tx.update(params, tx.init(params), params)
    assert state.trace.tolist() == [1j, 2]
    assert updates["r"].dtype == jnp.float32
    assert updates["r"].tolist() == [2.0]


def test_the_vector_has_the_widest_precision_of_the_leaves() -> None:
    params = {"a": jnp.ones(1, jnp.bfloat16), "b": jnp.full(1, 1 + 2.0**-20)}
    updates, _ = flatten(gradtx.identity()).update(params, flatten(gradtx.identity()).init(params))
    np.testing.assert_array_equal(updates["b"], params["b"])


def test_a_gap_is_refused() -> None:
    tx = flatten(gradtx.trace(0.5))
    with pytest.raises(ValueError, match="flatten: 1 of the parameters have no gradient"):
        tx.update({**GRADS, "w": None}, tx.init(PARAMS), PARAMS)
    masked = gradtx.masked(tx, {"h": True, "n": True, "none": True, "w": False})
    updates, _ = masked.update({**GRADS, "w": None}, masked.init(PARAMS), PARAMS)
    assert updates["w"] is None


def test_nothing_to_flatten() -> None:
    tx = flatten(gradtx.adam(0.1))
    for nothing in ({}, {"a": None}, {"n": jnp.arange(2)}):
        grads = jax.tree.map(lambda x: np.zeros(x.shape, jax.dtypes.float0), nothing)
        updates, _ = tx.update(grads, tx.init(nothing), nothing)
        assert jax.tree.structure(updates) == jax.tree.structure(grads)


@pytest.mark.parametrize("wrapper", [flatten, split_real_and_imaginary])
def test_extra_arguments_and_functions_are_seen_alike(wrapper: Any) -> None:
    """SAM takes gradients at another point, by a function of the parameters."""
    params = {"c": jnp.array([1 + 2j, 3j]), "r": jnp.array([1.0, 2.0])}

    def loss(params: Any) -> Any:
        return jnp.sum(jnp.abs(params["c"]) ** 2) ** 2 + jnp.sum(params["r"] ** 4)

    def given(updates: Any, state: Any, params: Any = None, *, grad: Any, value: Any) -> Any:
        assert jax.tree.structure(grad) == jax.tree.structure(updates)
        return jax.tree.map(lambda u, g: u + value * g, updates, grad), state

    grads = jax.grad(loss)(params)
    tx = gradtx.GradientTransformation(lambda params: (), given)
    updates, _ = wrapper(tx).update(grads, wrapper(tx).init(params), params, grad=params, value=2.0)
    jax.tree.map(lambda u, g, p: np.testing.assert_allclose(u, g + 2 * p, rtol=1e-6), updates, grads, params)

    sam = gradtx.sam(gradtx.sgd(0.1), 0.05)
    results = [
        tx.update(grads, tx.init(params), params, grad_fn=jax.grad(loss))[0] for tx in (sam, wrapper(sam))
    ]
    if wrapper is flatten:  # the gradients of real parts are conjugated
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), *results)


@pytest.mark.parametrize("wrapper", [flatten, split_real_and_imaginary])
def test_evaluation_and_reading(wrapper: Any) -> None:
    inner = gradtx.average_params(gradtx.sgd(rate), 0.5, start_step=0)
    tx, params = wrapper(inner), {"c": jnp.array([1 + 2j]), "r": jnp.array([1.0])}
    state, alone = tx.init(params), inner.init(params)
    for _ in range(3):
        updates, state = tx.update(params, state, params)
        expected, alone = inner.update(params, alone, params)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), updates, expected)
        params = gradtx.apply_updates(params, updates)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6),
        gradtx.eval_params(tx, state, params),
        gradtx.eval_params(inner, alone, params),
    )
    assert gradtx.hyperparams(tx, state)["learning_rate"] == pytest.approx(rate(3))
    assert "average" in str(gradtx.summary(tx, params))
    if wrapper is flatten:  # a vector mirrors no parameter
        with pytest.raises(gradtx.tree.TreeMismatchError, match="map_params"):
            gradtx.tree_map_params(tx, lambda leaf: leaf, state)
    else:
        mapped = gradtx.tree_map_params(tx, lambda leaf: leaf, state)
        assert jax.tree.structure(mapped) == jax.tree.structure(state)


def test_real_and_imaginary_parts_are_two_parameters() -> None:
    """The trajectory of Adam on the pair of real trees, with real leaves as they are."""
    params, steps = parameters("complex64"), gradients("complex64")
    params["real"], steps = (
        np.float32([1.0, 2.0]),
        [{**g, "real": np.float32([t, -1.0])} for t, g in enumerate(steps, 1)],
    )

    def parts(tree: Any) -> Any:
        return {
            **{f"{name}.re": tree[name].real for name in SHAPES},
            **{f"{name}.im": tree[name].imag for name in SHAPES},
            "real": tree["real"],
        }

    tx = gradtx.adamw(rate, weight_decay=0.1)
    ours, _, state = trajectory(split_real_and_imaginary(tx), params, steps)
    expected, *_ = trajectory(tx, parts(params), [parts(g) for g in steps])
    assert relative_error(parts(ours), expected) < 1e-6
    assert isinstance(state.inner_state[0].mu["matrix"], SplitRealAndImaginaryArrays)
    assert state.inner_state[0].mu["real"].shape == (2,)

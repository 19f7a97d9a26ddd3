"""bfloat16 gradients and parameters: the arithmetic and the state are float32, and storage is by request."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import (
    accumulate_squares,
    adafactor,
    chain,
    ema,
    first_moment,
    nadam,
    prodigy,
    scale,
    scale_by_adam,
    scale_by_amsgrad,
    scale_by_learning_rate,
    scale_by_novograd,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
    second_moment,
    shampoo,
    soap,
    trace,
    tree,
)
from tests.moments import MOMENTS
from tests.rules.test_adagrad import duchi
from tests.rules.test_adam import kingma_ba
from tests.rules.test_amsgrad import reddi
from tests.rules.test_rmsprop import graves, tieleman_hinton
from tests.rules.test_trace import heavy_ball
from tests.trajectories import TOLERANCE, distance, gradients, leafwise, parameters, rate, trajectory

STATEFUL = [
    ema(0.9),
    first_moment(0.9),
    second_moment(0.9),
    accumulate_squares(),
    trace(0.9),
    scale_by_adam(),
    scale_by_amsgrad(),
    scale_by_rms(),
    scale_by_rms(bias_correction=True),
    scale_by_rss(),
    scale_by_stddev(),
]


@pytest.mark.parametrize(
    ("tx", "rule"),
    [
        (scale_by_adam(**MOMENTS), kingma_ba()),
        (scale_by_amsgrad(**MOMENTS), reddi(True, True)),
        (scale_by_rms(0.8, 1e-2, 0.3), tieleman_hinton()),
        (scale_by_stddev(0.8, 1e-2, 0.3), graves()),
        (scale_by_rss(0.3, 1e-2), duchi()),
        (trace(0.8), heavy_ball()),
    ],
    ids=lambda case: type(case).__name__,
)
def test_bfloat16_gradients_are_as_accurate_as_float32(tx, rule):
    """The gradients are rounded to bfloat16, for both; everything after them is float32."""
    descent = chain(tx, scale_by_learning_rate(rate))
    assert distance(descent, rule, "bfloat16", steps=20) < TOLERANCE["float32"]


@pytest.mark.parametrize("tx", STATEFUL, ids=repr)
def test_state_and_updates_of_bfloat16_are_float32(tx):
    params = parameters("bfloat16")
    updates, _, state = trajectory(tx, params, gradients("bfloat16"))
    assert {leaf.dtype.name for leaf in jax.tree.leaves(updates)} == {"float32"}
    assert {leaf.dtype.name for leaf in jax.tree.leaves(state)} <= {"float32", "int32"}


@pytest.mark.parametrize("tx", STATEFUL, ids=repr)
def test_state_of_complex_parameters_has_a_real_second_moment(tx):
    _, _, state = trajectory(tx, parameters("complex64"), gradients("complex64"))
    for name in ("nu", "nu_max", "sum_of_squares"):
        if (moments := tree.get(state, name, None)) is not None:
            assert {leaf.dtype.name for leaf in jax.tree.leaves(moments)} == {"float32"}
    for name in ("mu", "ema", "trace"):
        if (moments := tree.get(state, name, None)) is not None:
            assert {leaf.dtype.name for leaf in jax.tree.leaves(moments)} == {"complex64"}


@leafwise
def rounded_average(theta: Any, steps: list[Any]) -> Iterator[Any]:
    """The first moment, rounded to bfloat16 after every step; the update is taken before rounding."""
    mu = np.zeros_like(theta)
    for g in steps:
        exact = 0.8 * mu + (1 - 0.8) * g
        mu = exact.astype(jnp.bfloat16).astype(float)
        theta = theta - exact
        yield theta


@pytest.mark.parametrize("tx", [first_moment(0.8, "bfloat16"), ema(0.8, False, "bfloat16")], ids=repr)
def test_a_storage_dtype_rounds_what_is_stored_and_nothing_else(tx):
    assert distance(chain(tx, scale(-1.0)), rounded_average()) < TOLERANCE["float32"]


@pytest.mark.parametrize(
    "tx",
    [
        scale_by_adam(mu_dtype="bfloat16"),
        scale_by_amsgrad(mu_dtype="bfloat16"),
        trace(0.9, False, "bfloat16"),
    ],
    ids=repr,
)
def test_the_storage_dtype_is_that_of_the_first_moment_alone(tx):
    _, _, state = trajectory(tx, parameters(), gradients())
    stored = {"mu": "bfloat16", "trace": "bfloat16", "nu": "float32", "nu_max": "float32"}
    for name, dtype in stored.items():
        if (moments := tree.get(state, name, None)) is not None:
            assert {leaf.dtype.name for leaf in jax.tree.leaves(moments)} == {dtype}


def test_the_norm_of_many_bfloat16_leaves():
    """2000 leaves of 0.8: 35.8. Summed in bfloat16 the sum of squares would stop growing at 256."""
    leaves = [jnp.asarray(0.8, jnp.bfloat16)] * 2000
    exact = np.sqrt(2000) * float(leaves[0])
    np.testing.assert_allclose(tree.norm(leaves), exact, rtol=1e-5)  # 2000 float32 additions


def test_dtypes_of_state():
    for tx in (nadam(0.1, mu_dtype="bfloat16"), chain(scale_by_novograd(mu_dtype="bfloat16"))):
        state = tx.init(parameters())[0]
        assert {leaf.dtype for leaf in jax.tree.leaves(state.mu)} == {jnp.dtype("bfloat16")}
        assert {leaf.dtype for leaf in jax.tree.leaves(state.nu)} == {jnp.dtype("float32")}


def test_a_state_in_16_bits_saturates_and_hides_no_infinity() -> None:
    tx = first_moment(b1=0.5, mu_dtype="float16")
    state = tx.update(jnp.array([1e6, -1e6, 4.0, jnp.inf]), tx.init(jnp.zeros(4)))[1]
    assert state.mu.tolist() == [65504.0, -65504.0, 2.0, jnp.inf]


@pytest.mark.parametrize(
    "tx", [soap(0.1), shampoo(0.1), prodigy(), adafactor(0.1)], ids=lambda tx: repr(tx)[:30]
)
def test_a_bound_on_gradients_hides_no_infinity(tx) -> None:
    params = {"kernel": jnp.ones((2, 2))}
    update, _ = tx.update({"kernel": jnp.ones((2, 2)).at[0, 1].set(jnp.inf)}, tx.init(params), params)
    assert jnp.isnan(update["kernel"][0, 1])


def test_a_complex_storage_dtype_stands_for_that_of_its_real_part():
    params = {"complex": jnp.ones(2, jnp.complex64), "real": jnp.ones(2)}
    mu = scale_by_adam(mu_dtype=jnp.complex64).init(params).mu
    assert jax.tree.map(lambda leaf: leaf.dtype.name, mu) == {"complex": "complex64", "real": "float32"}

"""The box: each new parameter lies between the bounds, at the value nearest to the step's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import keep_params_nonnegative, project_box
from tests.rules.constraints import MOVED, PARAMS, STEP, landed

DRAW = np.random.default_rng(0)


def test_a_box() -> None:
    np.testing.assert_allclose(
        landed(project_box(-0.3, 0.5)), np.clip(MOVED, -0.3, 0.5), rtol=1e-6, atol=1e-7
    )
    with pytest.raises(ValueError, match="lower must be at most upper"):
        project_box(1.0, 0.0)


def test_replace_refuses_a_box_in_the_wrong_order() -> None:
    tx = gradtx.chain(project_box(0.0, 1.0))
    with pytest.raises(ValueError, match=r"lower must be at most upper, got 2\.0 and 1\.0"):
        gradtx.replace(tx, lower=2.0)
    assert np.all(landed(gradtx.replace(tx, lower=2.0, upper=3.0)) >= 2.0)


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_no_rounding_leads_out_of_a_box(size: float) -> None:
    """The sum of parameter and step misses 0.7 by one rounding in about a tenth of all cases."""
    params, step = (size * DRAW.standard_normal((2, 1000))).astype(np.float32)
    got = landed(project_box(-0.3, 0.7), params, 3 * step)
    assert got.min() >= np.float32(-0.3)
    assert got.max() <= np.float32(0.7)
    # A step is rounded as the parameter is, and may fall short of the bound by twice that.
    expected = np.clip(params.astype(float) + 3 * step, -0.3, 0.7)
    np.testing.assert_allclose(got, expected, rtol=0, atol=4 * size * 2**-23)
    moved = landed(project_box(-0.3, 0.7), params + 1j * params[::-1], step + 1j * step)
    assert max(moved.real.max(), moved.imag.max()) <= np.float32(0.7)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("bounds", [(-0.4, 0.75), (0.1, 1.1)], ids=str)
def test_no_rounding_of_the_updates_leads_out_of_a_box(dtype: str, inside: bool, bounds: Any) -> None:
    """`update` rounds each update to 16 bits, and a step across 0 more coarsely than the sum is rounded."""
    lower, upper = (jnp.asarray(bound, dtype) for bound in bounds)
    params, step = jnp.asarray(DRAW.standard_normal((2, 100_000)), dtype)
    params = jnp.clip(params, lower, upper) if inside else params
    tx = project_box(*bounds)
    updates, _ = tx.update(step, tx.init(params), params)
    assert updates.dtype == params.dtype
    expected = np.clip(np.asarray(params, float) + np.asarray(step, float), float(lower), float(upper))
    for got in (gradtx.apply_updates(params, updates), params + updates):
        assert got.dtype == params.dtype
        assert got.min() >= lower
        assert got.max() <= upper
        # Both the step and the sum are rounded, the step by up to one unit in the last place.
        error = np.abs(np.asarray(got, float) - expected)
        assert np.all(error <= float(jnp.finfo(dtype).eps) * (np.abs(np.asarray(updates, float)) + 0.75))


@pytest.mark.exhaustive
def test_a_box_has_the_derivative_of_clipping() -> None:
    """By the parameter: 1 inside, 0 outside, whether rounding has been made good or not."""
    tx, params = project_box(-0.3, 0.7), jnp.linspace(-1.99, 2.01, 101)
    slope = jax.grad(lambda p: jnp.sum(p + tx.update(0.5 * jnp.ones(101), tx.init(p), p)[0]))(params)
    np.testing.assert_array_equal(slope, (np.abs(params + 0.5 - 0.2) < 0.5).astype(float))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_nothing_falls_below_zero(dtype: str) -> None:
    params, step = jnp.abs(PARAMS).astype(dtype), 3 * STEP
    got = landed(keep_params_nonnegative(), params, step)
    assert got.min() == 0.0
    expected = np.maximum(np.asarray(params, float) + step, 0).astype(np.float32)
    np.testing.assert_allclose(got.astype(np.float32), expected, rtol=2**-7)

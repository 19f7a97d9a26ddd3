"""The derivatives of powers and bases of symmetric matrices, against differences in float64."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx.arithmetic import eigenbasis, inverse_root, next_eigenbasis

DRAW = np.random.default_rng(3)


def symmetric(dtype: Any, size: int = 4) -> Any:
    x = DRAW.standard_normal((size, size))
    if dtype == np.complex128:
        x = x + 1j * DRAW.standard_normal((size, size))
    return (x + x.T.conj()) / 2


def assert_slope(function: Any, x: Any, dx: Any, step: float = 1e-6, tolerance: float = 1e-7) -> Any:
    """The derivative of `function` at `x` along `dx`, after it is seen to be that of differences."""
    slope = jax.jvp(function, (jnp.asarray(x),), (jnp.asarray(dx),))[1]
    expected = (function(x + step * dx) - function(x - step * dx)) / (2 * step)
    np.testing.assert_allclose(slope, expected, atol=tolerance * np.abs(expected).max())
    return slope


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_the_derivative_of_an_inverse_root(dtype: Any) -> None:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        root, direction = symmetric(dtype), symmetric(dtype)
        gram = root @ root.T.conj() + np.eye(4)
        assert_slope(lambda x: inverse_root(x, jnp.float64(0.25), jnp.float64(1e-3)), gram, direction)
        assert_slope(lambda p: inverse_root(jnp.asarray(gram), p, jnp.float64(1e-3)), 0.25, 1.0)
        assert_slope(lambda eps: inverse_root(jnp.asarray(gram), jnp.float64(0.25), eps), 1e-3, 1.0)


@pytest.mark.parametrize("values", [[1.0] * 4, [2.0, 2.0, 2.0, 5.0]])
def test_the_derivative_of_an_inverse_root_with_equal_eigenvalues(values: list[float]) -> None:
    with jax.enable_x64(True):
        gram = np.diag(values)
        assert_slope(lambda x: inverse_root(x, jnp.float64(0.25), jnp.float64(0.0)), gram, symmetric(float))
    if values == [1.0] * 4:
        one = jnp.ones(())
        change = jax.jvp(lambda x: inverse_root(x, one / 4, 0 * one), (jnp.eye(4),), (jnp.eye(4),))[1]
        np.testing.assert_allclose(change, -0.25 * np.eye(4), atol=1e-6)


@pytest.mark.exhaustive
def test_the_derivative_of_an_inverse_root_of_zeros_is_finite() -> None:
    for gram in (jnp.zeros((3, 3)), jnp.diag(jnp.array([1.0, 0.0, 0.0]))):
        power = jax.jacobian(inverse_root)(gram, jnp.float32(0.25), jnp.float32(0.0))
        assert jnp.isfinite(power).all()
        assert gram.any() or not power.any()


def test_the_derivative_of_an_eigenbasis() -> None:
    with jax.enable_x64(True):
        gram = np.diag([1.0, 2.0, 4.0, 7.0]) + 0.1 * symmetric(float)
        assert_slope(lambda x: eigenbasis(x) * jnp.sign(eigenbasis(x)[:1]), gram, symmetric(float))
    slope = jax.jacobian(eigenbasis)(jnp.eye(3))
    assert not slope.any()


def test_the_derivative_of_an_iteration() -> None:
    with jax.enable_x64(True):
        root, basis = symmetric(float), jnp.linalg.qr(symmetric(float))[0]
        assert_slope(lambda x: next_eigenbasis(x, basis)[0], root @ root.T + np.eye(4), symmetric(float))


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 2.0, 0.0]])
def test_the_derivative_of_an_iteration_from_short_columns_is_finite(values: list[float]) -> None:
    slope = jax.jacobian(lambda x: next_eigenbasis(x, jnp.eye(3))[0])(jnp.diag(jnp.array(values)))
    assert jnp.isfinite(slope).all()
    assert jnp.abs(slope).max() <= 1.0

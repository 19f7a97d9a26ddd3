"""Numerical functions against NumPy and SciPy in double precision, at any magnitude."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import gradtx
from gradtx.arithmetic import inverse_root

DRAW = np.random.default_rng(0)
MATRIX = DRAW.normal(size=(3, 4))
SIZES = pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])

NORMS = [
    (None, None),
    (None, 0),
    (2, -1),
    (1, 0),
    (3, 1),
    (0, 1),
    (-np.inf, 1),
    ("fro", None),
    ("nuc", None),
    (2, (1, 0)),
]


@SIZES
@pytest.mark.parametrize(("order", "axis"), NORMS)
def test_a_norm_of_any_order_and_magnitude(order: Any, axis: Any, size: float) -> None:
    for keepdims in (False, True):
        got = gradtx.safe_norm(jnp.asarray(size * MATRIX, jnp.float32), 1e-37, order, axis, keepdims)
        # The count of order 0 does not grow with the array.
        expected = (1 if order == 0 else size) * np.linalg.norm(MATRIX, order, axis, keepdims)
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=2e-6)


@pytest.mark.parametrize(("order", "axis"), [norm for norm in NORMS if norm[0] != 0])
def test_the_derivative_of_a_norm(order: Any, axis: Any) -> None:
    """That of finite differences at any magnitude, and 0 where the norm is not above its least value."""

    def total(x: Any, least: float) -> Any:
        return jnp.sum(gradtx.safe_norm(x, least, order, axis))

    differences = np.zeros((3, 4))
    for place in np.ndindex(3, 4):
        ends = []
        for step in (-1e-6, 1e-6):
            moved = MATRIX.copy()
            moved[place] += step
            ends.append(np.sum(np.linalg.norm(moved, order, axis)))
        differences[place] = (ends[1] - ends[0]) / 2e-6
    for size in (1e-30, 1.0, 1e30):
        slope = jax.grad(total)(jnp.asarray(size * MATRIX, jnp.float32), 0.0)
        np.testing.assert_allclose(slope, differences, rtol=1e-4, atol=1e-5)
    for x, least in ((0.0 * MATRIX, 0.0), (0.0 * MATRIX, 0.1), (0.0 * MATRIX, -1.0), (MATRIX, 100.0)):
        assert not jax.grad(total)(jnp.asarray(x, jnp.float32), least).any()


@pytest.mark.exhaustive
def test_the_least_value() -> None:
    x = jnp.array([[3.0, 4.0], [0.3, 0.4]])
    assert gradtx.safe_norm(x, 2.0, axis=1).tolist() == [5.0, 2.0]
    assert gradtx.safe_norm(x, 2.0, 1, axis=1, keepdims=True).tolist() == [[7.0], [2.0]]
    assert gradtx.safe_norm(jnp.zeros(2), -1.0) == 0.0
    assert jnp.isnan(gradtx.safe_norm(jnp.array([jnp.nan]), 1.0))
    assert gradtx.safe_norm(jnp.full(1000, 100, jnp.bfloat16), 0.0).dtype == jnp.float32
    assert gradtx.safe_norm(jnp.array([3, 4]), 0.0) == 5.0


@SIZES
def test_the_root_mean_square(size: float) -> None:
    x = jnp.asarray(size * MATRIX, jnp.float32)
    expected = np.sqrt(np.mean(MATRIX**2))
    got, slope = jax.value_and_grad(gradtx.safe_root_mean_squares)(x, 1e-37)
    np.testing.assert_allclose(got, size * expected, rtol=1e-6)
    np.testing.assert_allclose(slope, MATRIX / (12 * expected), rtol=1e-5)
    got, slope = jax.value_and_grad(gradtx.safe_root_mean_squares)(x, 2e31)
    assert (got, slope.any()) == (np.float32(2e31), False)
    assert not jax.grad(gradtx.safe_root_mean_squares)(0 * x, 0.0).any()
    assert jnp.isnan(gradtx.safe_root_mean_squares(x * jnp.nan, 1.0))
    of_complex = gradtx.safe_root_mean_squares(jnp.array([size * (3 + 4j)], jnp.complex64), 0.0)
    np.testing.assert_allclose(of_complex, 5 * size, rtol=1e-6)


def test_a_scaled_gradient() -> None:
    tree = {"a": jnp.array([2.0, 3.0]), "b": jnp.ones((), jnp.bfloat16), "n": jnp.arange(2), "none": None}

    def loss(x: Any, scale: Any) -> Any:
        x = gradtx.scale_gradient(x, scale)
        return jnp.sum(x["a"] ** 2) + x["b"].astype(float)

    value, slope = jax.jit(jax.value_and_grad(loss, allow_int=True))(tree, -0.25)
    assert value == 14.0  # the values stay
    assert slope["a"].tolist() == [-1.0, -1.5]
    assert (slope["b"], slope["b"].dtype) == (-0.25, jnp.bfloat16)
    assert gradtx.scale_gradient(tree, 2.0)["n"] is tree["n"]
    tangent = jax.jvp(lambda x: gradtx.scale_gradient(x, 3.0), (2.0,), (1.0,))
    assert tangent == (2.0, 3.0)
    assert jax.grad(lambda scale: loss(tree, scale))(1.0) == 0.0


def test_no_gradient_passes_a_scale_of_zero() -> None:
    slope = jax.grad(lambda x: jnp.sum(gradtx.scale_gradient(x, 0.0) * jnp.array([jnp.inf, jnp.nan])))
    assert slope(jnp.ones(2)).tolist() == [0.0, 0.0]


def symmetric(values: Any, *, complex_: bool = False) -> Any:
    """A matrix with these eigenvalues, and the vectors."""
    count = len(values)
    draw = np.random.default_rng(count).normal(size=(2, count, count))
    vectors, _ = np.linalg.qr(draw[0] + 1j * draw[1] if complex_ else draw[0])
    return vectors @ np.diag(values) @ vectors.conj().T, vectors


@SIZES
@pytest.mark.parametrize(("values", "complex_"), [([-3.0, 1.0, 0.5], False), ([2.0, 2.0, 0.0], True)])
def test_power_iteration(values: list[float], size: float, complex_: bool) -> None:
    matrix, _ = symmetric(np.array(values), complex_=complex_)
    a = jnp.asarray(size * matrix, jnp.complex64 if complex_ else jnp.float32)
    value, vector = gradtx.power_iteration(a)
    np.testing.assert_allclose(value, size * values[0], rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vector), 1.0, rtol=1e-6)
    np.testing.assert_allclose(matrix @ np.asarray(vector), values[0] * vector, atol=1e-4)


def test_power_iteration_of_a_function_of_trees() -> None:
    """The product with a Hessian, in the precision of the first vector."""
    hessian, vectors = symmetric(np.array([5.0, 2.0, 1.0]))

    def multiply(v: Any) -> Any:
        assert v["a"].dtype == jnp.bfloat16
        product = jnp.asarray(hessian, jnp.float32) @ jnp.append(v["a"].astype(float), v["b"])
        return {"a": product[:2], "b": product[2]}

    v0 = {"a": jnp.ones(2, jnp.bfloat16), "b": jnp.ones(())}
    value, vector = gradtx.power_iteration(multiply, v0=v0)
    np.testing.assert_allclose(value, 5.0, rtol=1e-2)
    got = np.append(vector["a"], vector["b"])
    np.testing.assert_allclose(abs(got @ vectors[:, 0]), 1.0, rtol=1e-3)
    assert vector["a"].dtype == jnp.float32
    with pytest.raises(ValueError, match="a function needs v0"):
        gradtx.power_iteration(multiply)


def test_power_iteration_ends() -> None:
    """At once with an eigenvector, after `num_iters` steps without one, and with a matrix of zeros."""
    matrix = jnp.diag(jnp.array([3.0, 2.0]))
    value, vector = gradtx.power_iteration(matrix, v0=jnp.array([0.0, 5.0]))
    assert (value, vector.tolist()) == (2.0, [0.0, 1.0])
    value, vector = gradtx.power_iteration(matrix, v0=jnp.ones(2), num_iters=2)
    v = np.array([9.0, 4.0]) / np.hypot(9.0, 4.0)
    np.testing.assert_allclose(value, 3 * v[0] ** 2 + 2 * v[1] ** 2, rtol=1e-6)
    np.testing.assert_allclose(vector, [27.0, 8.0] / np.hypot(27.0, 8.0), rtol=1e-6)
    rough, _ = gradtx.power_iteration(matrix, v0=jnp.ones(2), error_tolerance=0.19)
    np.testing.assert_allclose(rough, 35 / 13, rtol=1e-6)  # of the vector (3, 2)
    value, vector = gradtx.power_iteration(jnp.zeros((2, 2)), v0=jnp.array([3.0, 4.0]))
    np.testing.assert_allclose((value, *vector), (0.0, 0.6, 0.8), rtol=1e-6)
    with pytest.raises(ValueError, match=r"one square matrix, got the shape \(2, 3\)"):
        gradtx.power_iteration(jnp.ones((2, 3)))


@SIZES
@pytest.mark.parametrize("p", [1, 3, 4])
def test_an_inverse_root(p: int, size: float) -> None:
    values = np.array([4.0, 1.0, 0.25, 0.04])
    matrix, vectors = symmetric(values)
    root, error = gradtx.matrix_inverse_pth_root(
        jnp.asarray(size * matrix, jnp.float32), p, ridge_epsilon=0.0
    )
    expected = vectors @ np.diag((size * values) ** (-1 / p)) @ vectors.T
    np.testing.assert_allclose(root, expected, atol=2e-4 * np.abs(expected).max())
    assert error < 1e-4
    by_vectors = inverse_root(jnp.asarray(matrix, jnp.float32), jnp.float32(1 / p), jnp.float32(0.0))
    np.testing.assert_allclose(root * size ** (1 / p), by_vectors, rtol=1e-3, atol=1e-3)


@pytest.mark.exhaustive
def test_the_ridge_of_an_inverse_root() -> None:
    singular = jnp.diag(jnp.array([4.0, 0.0]))
    root, _ = gradtx.matrix_inverse_pth_root(singular, 2, ridge_epsilon=0.01)
    np.testing.assert_allclose(np.diag(root), [4.04**-0.5, 0.04**-0.5], rtol=1e-5)
    root, error = gradtx.matrix_inverse_pth_root(jnp.zeros((2, 2)), 4)
    np.testing.assert_allclose(root, np.eye(2) * 1e-22**-0.25, rtol=1e-5)
    assert error < 1e-5
    root, _ = gradtx.matrix_inverse_pth_root(jnp.array([[16.0]]), 4, ridge_epsilon=0.0)
    np.testing.assert_allclose(root, [[0.5]], rtol=1e-6)


def test_an_inverse_root_ends() -> None:
    """After `num_iters` steps, at a tolerance, and one step back where the error grows."""
    matrix = jnp.diag(jnp.array([4.0, 1.0]))
    root, error = gradtx.matrix_inverse_pth_root(matrix, 2, num_iters=1, ridge_epsilon=0.0)
    z = 1.5 / np.sqrt(17)
    t = (3 - z * np.array([4.0, 1.0])) / 2
    np.testing.assert_allclose(np.diag(root), z**0.5 * t, rtol=1e-6)
    np.testing.assert_allclose(error, np.max(np.abs(t**2 * z * [4, 1] - 1)), rtol=1e-5)
    _, rough = gradtx.matrix_inverse_pth_root(matrix, 2, error_tolerance=0.1)
    assert 1e-4 < rough <= 0.1
    root, error = gradtx.matrix_inverse_pth_root(jnp.diag(jnp.array([4.0, -1.0])), 2, ridge_epsilon=0.0)
    np.testing.assert_allclose(root, z**0.5 * np.eye(2), rtol=1e-6)  # the first step makes it worse
    assert error > 1.2 * (1 + z)
    for p in (0, -2):
        with pytest.raises(ValueError, match="p must be a positive integer"):
            gradtx.matrix_inverse_pth_root(matrix, p)


@SIZES
@pytest.mark.parametrize("shape", [(6, 4), (3, 5)])
def test_non_negative_least_squares(shape: tuple[int, int], size: float) -> None:
    draw = np.random.default_rng(shape[0])
    a, b = draw.normal(size=shape), draw.normal(size=(shape[0], 3))
    best = np.stack([scipy.optimize.nnls(a, column)[0] for column in b.T], 1)
    assert (best == 0).any()
    assert (best > 0).any()
    x = gradtx.nnls(jnp.asarray(size * a, jnp.float32), jnp.asarray(b, jnp.float32), 3000) * size
    assert (x >= 0).all()
    np.testing.assert_allclose(
        np.linalg.norm(a @ x - b, axis=0), np.linalg.norm(a @ best - b, axis=0), rtol=1e-3, atol=1e-3
    )
    bound = size**2 * np.linalg.norm(a, 2) ** 2 if size == 1 else None
    one = gradtx.nnls(jnp.asarray(size * a, jnp.float32), jnp.asarray(b[:, 0], jnp.float32), 3000, 2, bound)
    if shape[0] >= shape[1]:  # the solution is the only one
        np.testing.assert_allclose(one * size, best[:, 0], atol=2e-3)
        np.testing.assert_allclose(x, best, atol=2e-3)


@pytest.mark.exhaustive
def test_least_squares_are_polyak_s_steps() -> None:
    """Three steps of the projected gradient with Nesterov's extrapolation, in double precision."""
    draw = np.random.default_rng(3)
    a, b, bound = draw.normal(size=(5, 3)), draw.normal(size=5), 40.0
    x = y = np.zeros(3)
    c = 0.0
    for _ in range(5):
        x, last = np.maximum(y - a.T @ (a @ y - b) / bound, 0), x
        c, before = (1 + np.sqrt(1 + 4 * c**2)) / 2, c
        y = x + (before - 1) / c * (x - last)
    with jax.enable_x64(True):
        np.testing.assert_allclose(gradtx.nnls(jnp.array(a), jnp.array(b), 5, L=bound), x, rtol=1e-12)
        default = min(np.linalg.norm(a.T @ a), np.abs(a.T @ a).sum(0).max())
        ours = gradtx.nnls(jnp.array(a), jnp.array(b), 5)
        np.testing.assert_allclose(ours, gradtx.nnls(jnp.array(a), jnp.array(b), 5, L=default), rtol=1e-12)


@pytest.mark.exhaustive
def test_least_squares_of_nothing() -> None:
    assert gradtx.nnls(jnp.zeros((3, 2)), jnp.ones(3), 5).tolist() == [0.0, 0.0]
    assert gradtx.nnls(jnp.ones((3, 2)), jnp.zeros(3), 5).tolist() == [0.0, 0.0]
    assert gradtx.nnls(jnp.ones((3, 2), jnp.bfloat16), jnp.zeros(3), 5).dtype == jnp.float32
    with pytest.raises(ValueError, match=r"A must have the shape \(m, n\)"):
        gradtx.nnls(jnp.ones((3, 2)), jnp.ones(2), 5)
    with pytest.raises(TypeError, match="complex numbers have no order"):
        gradtx.nnls(jnp.ones((2, 2), jnp.complex64), jnp.ones(2), 5)
    slope = jax.grad(lambda a: gradtx.nnls(a, jnp.ones(3), 9).sum())(jnp.zeros((3, 2)))
    assert jnp.isfinite(slope).all()

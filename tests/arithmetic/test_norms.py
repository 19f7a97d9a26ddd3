"""Norms, bounds and roots of numbers near both ends of their range, and their derivatives."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx.arithmetic import bounded, norm, norm_over_shards, root, saturated, split_over, visible
from gradtx.arithmetic._norms import _by_three_sums


def elsewhere(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """The norm as on other platforms than CPU."""
    if x.size == 1:
        return norm(x, axis, keepdims=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else (axis,)
    length = _by_three_sums(x, axes)
    return jnp.expand_dims(length, axes) if keepdims else length


on_both_paths = pytest.mark.parametrize("norm", [norm, elsewhere])


@on_both_paths
@pytest.mark.parametrize("size", [1e-30, 1e-20, 1.0, 1e19, 1e30])
@pytest.mark.parametrize("length", [2, 64])  # 64 elements are summed in slices
def test_a_norm_of_any_magnitude(norm: Any, size: float, length: int) -> None:
    x = (
        jnp.zeros((length, 2))
        .at[0]
        .set(size * jnp.array([3.0, 5.0]))
        .at[-1]
        .set(size * jnp.array([-4.0, 12.0]))
    )
    np.testing.assert_allclose(norm(x, 0), [5 * size, 13 * size], rtol=1e-6)
    np.testing.assert_allclose(norm(x, keepdims=True), [[194**0.5 * size]], rtol=1e-6)
    rotated = norm(x.astype(jnp.complex64) * (0.6 + 0.8j), 0)
    assert rotated.dtype == jnp.float32
    np.testing.assert_allclose(rotated, [5 * size, 13 * size], rtol=1e-6)


@on_both_paths
@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0, 1e30])
def test_a_compiled_norm_of_few_elements(norm: Any, size: float) -> None:
    """XLA would make one constant of the two factors of a square of one number."""
    for shape in ((), (1,), (1, 1), (3,), (16,)):
        x = jnp.full(shape, -size)
        length = jax.jit(norm)(x)
        np.testing.assert_allclose(length, size * x.size**0.5, rtol=1e-6)


def test_a_norm_in_double_precision() -> None:
    with jax.enable_x64(True):
        for size in (1e-300, 1e-170, 1.0, 1e300):
            assert float(norm(size * jnp.array([3.0, 4.0], jnp.float64))) == pytest.approx(
                5 * size, rel=1e-15
            )


@on_both_paths
def test_a_norm_of_what_is_not_finite_or_not_there(norm: Any) -> None:
    assert norm(jnp.zeros((0, 3))) == 0.0
    assert norm(jnp.zeros((0, 3)), 0).tolist() == [0.0] * 3
    assert norm(jnp.array([1.0, -jnp.inf])) == jnp.inf
    assert jnp.isnan(norm(jnp.array([1.0, jnp.nan])))


@pytest.mark.parametrize("shape", [(64, 2), (3, 2)])  # 64 elements are summed in slices
def test_a_norm_of_an_array_that_is_only_computed(shape: tuple[int, ...]) -> None:
    """Squares that vanish leave the mean of the magnitudes; a sum that overflows is infinite."""
    x = jnp.linspace(-3.0, 2.0, shape[0] * shape[1]).reshape(shape)
    np.testing.assert_allclose(norm(x, 0, stored=False), norm(x, 0), rtol=1e-6)
    equal = jnp.full(shape, -1e-30)
    np.testing.assert_allclose(norm(equal, stored=False), norm(equal), rtol=1e-6)
    assert jnp.isinf(norm(1e30 * x, stored=False))
    assert norm(jnp.zeros((0, 3)), stored=False) == 0.0


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_the_derivative_of_a_norm_is_the_unit_vector(stored: bool, size: float) -> None:
    unit = jnp.array([0.6, -0.8])
    slope = jax.grad(partial(norm, stored=stored))
    if stored or size == 1.0:
        np.testing.assert_allclose(slope(size * unit), unit, rtol=1e-6)
    assert slope(jnp.zeros(2)).tolist() == [0.0, 0.0]
    with jax.numpy_dtype_promotion("standard"):
        of_complex = slope(size * jnp.array([0.6 - 0.8j], jnp.complex64))  # JAX's gradient is the conjugate
    np.testing.assert_allclose(of_complex, [0.6 + 0.8j], rtol=1e-6)


def test_the_derivative_of_a_root_at_zero_is_zero() -> None:
    assert jax.grad(root)(0.0) == 0.0
    assert jax.grad(root)(4.0) == 0.25


@pytest.mark.parametrize("size", [1e-30, 0.0, 1.0, 1e30])
def test_a_norm_over_shards_and_its_derivative(size: float) -> None:
    mesh = jax.make_mesh((8,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    split, whole = jax.sharding.PartitionSpec("d"), jax.sharding.PartitionSpec()

    def of_parts(x: Any) -> Any:
        assert split_over(x, "d") == ("d",)
        return norm_over_shards(norm(x), ("d",))

    sharded = jax.shard_map(of_parts, mesh=mesh, in_specs=split, out_specs=whole)
    x = size * (jnp.arange(16.0) - 5)
    length, slope = jax.jit(jax.value_and_grad(sharded))(x)
    expected = float(np.linalg.norm(np.asarray(x, np.float64)))
    np.testing.assert_allclose(length, expected, rtol=1e-6)
    np.testing.assert_allclose(slope, np.asarray(x, np.float64) / (expected or 1.0), rtol=1e-6)


def test_bounded_numbers_have_finite_squares() -> None:
    x = jnp.array([3.0, -1e30, jnp.inf, -jnp.inf, jnp.nan])
    assert bounded(x).tolist()[:4] == [3.0, -(2.0**63), 2.0**63, -(2.0**63)]
    assert jnp.isnan(visible(bounded(x), x)).tolist() == [False, False, True, True, True]
    assert jnp.isnan(bounded(x)[4])
    many = bounded(jnp.full(1000, 3e38), 1000)
    assert jnp.isfinite(jnp.sum(many * many))
    assert many[0] > 1e17


def test_bounded_complex_numbers_keep_their_phase() -> None:
    x = jnp.array([3 + 4j, 1e30 * (0.6 - 0.8j), complex(jnp.inf, 1.0)], jnp.complex64)
    with jax.numpy_dtype_promotion("standard"):
        short = bounded(x)
    np.testing.assert_allclose(short[:2], [3 + 4j, 2.0**63 * (0.6 - 0.8j)], rtol=1e-6)
    assert jnp.isnan(visible(short, x)[2])


def test_a_number_that_saturates() -> None:
    largest = jnp.float32(jnp.finfo(jnp.float32).max)
    assert saturated(jnp.float32(jnp.inf)) == largest
    assert saturated(largest) == largest
    assert saturated(jnp.float32(2.0)) == 2.0
    assert jnp.isnan(saturated(jnp.float32(jnp.nan)))

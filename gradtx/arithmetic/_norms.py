"""Norms, right to rounding for every finite array, and the factors that shorten an array."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gradtx.arithmetic._axes import AxisName, split_over
from gradtx.arithmetic._elementwise import abs_squared
from gradtx.arithmetic._sharding import may_be_split


@jax.custom_jvp
def root(x: Array) -> Array:
    """The square root, with the derivative 0 at 0 instead of infinity: a dead unit moves nothing."""
    return lax.sqrt(x)


@root.defjvp
def _root_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    y = root(x)
    return y, 0.5 * dx / jnp.where(x == 0, jnp.inf, y)


@jax.custom_jvp
def cube_root(x: Array) -> Array:
    """The cube root, with the derivative 0 at 0."""
    return lax.cbrt(x)


@cube_root.defjvp
def _cube_root_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    y = cube_root(x)
    return y, dx * y / jnp.where(x == 0, jnp.inf, 3 * x)


def norm(
    x: Array,
    axis: int | tuple[int, ...] | None = None,
    *,
    keepdims: bool = False,
    axis_name: AxisName = None,
    stored: bool = True,
) -> Array:
    """The Euclidean norm of `x` along `axis`, right to rounding wherever it is a finite number.

    The squares of float32 numbers overflow above 1.8e19 and vanish below 1e-19. Their sum is therefore
    accumulated in a wider range. The derivative is 0 at 0.

    Args:
      x: a real or complex array, float32 or wider.
      axis: the axes along which `x` is a vector; `None` for the whole array.
      keepdims: whether these axes stay, with the length 1.
      axis_name: inside `jax.shard_map`, the mesh axes over which each vector is split.
      stored: whether `x` is in memory. XLA on CPU would store an array that is only computed for its norm.
        With `False` it does not, and squares that overflow or vanish do: the elements must be of about 1.

    >>> print(norm(jnp.array([3e30, 4e30])), norm(jnp.array([3e-30, 4e-30])))
    5e+30 5e-30
    """
    x = jnp.asarray(x)
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(each % x.ndim for each in axes)
    length = _norm(x, axes, stored)
    if split := split_over(x, axis_name):
        length = norm_over_shards(length, split)
    return lax.expand_dims(length, axes) if keepdims else length


def inner_product(x: Array, y: Array) -> Array:
    """The real part of the inner product of two arrays."""
    return jnp.sum((x.conj() * y).real)


def root_mean_square(x: Array) -> Array:
    """The root of the mean of |x|² over one array; 0 for an empty array."""
    return norm(x) / max(x.size, 1) ** 0.5


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _norm(x: Array, axes: tuple[int, ...], stored: bool) -> Array:
    if math.prod(x.shape[axis] for axis in axes) == 1:
        return jnp.abs(lax.squeeze(x, axes))
    by_three_sums = partial(_by_three_sums, axes=axes)
    if stored and jnp.finfo(x.dtype).bits > 32:
        return by_three_sums(x)
    on_cpu = partial(_by_wide_sum if stored else _by_plain_sum, axes=axes)
    return lax.platform_dependent(x, cpu=on_cpu, default=by_three_sums)


@_norm.defjvp
def _norm_jvp(
    axes: tuple[int, ...], stored: bool, primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    length = _norm(x, axes, stored)
    unit = x / lax.expand_dims(jnp.where(length == 0, jnp.inf, length), axes)
    along = unit.real * dx.real + unit.imag * dx.imag if jnp.iscomplexobj(x) else unit * dx
    return length, jnp.sum(along, axes)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def norm_over_shards(part: Array, axes: tuple[str, ...]) -> Array:
    """The norm of a vector from the norm of the part in each shard."""
    # Of two factors of one number XLA makes one constant, scale², which is infinite; of an array it does not.
    return _norm_of(*lax.psum(abs_squared(jnp.stack(_scaled(part))), axes))


@norm_over_shards.defjvp
def _norm_over_shards_jvp(
    axes: tuple[str, ...], primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
    (part,), (change,) = primals, tangents
    length = norm_over_shards(part, axes)
    return length, lax.psum(part / jnp.where(length == 0, jnp.inf, length) * change, axes)


_SLICES = 16


def _by_wide_sum(x: Array, axes: tuple[int, ...]) -> Array:
    """The norm by one sum in float64: XLA on CPU computes one sum as vectors, and several one by one."""
    with jax.enable_x64(True):
        wide = lax.convert_element_type(x, np.complex128 if jnp.iscomplexobj(x) else np.float64)
        return lax.convert_element_type(lax.sqrt(jnp.sum(abs_squared(wide), axes)), x.real.dtype)


def _by_plain_sum(x: Array, axes: tuple[int, ...]) -> Array:
    """The norm by one sum of squares; where all squares vanish, the root mean square is the mean magnitude.

    The sum of magnitudes has another use: XLA on CPU stores the terms of a sum that is alone.
    """
    square, magnitude = _summed(_by_slices([abs_squared(x), jnp.abs(x)], axes), axes)
    count = max(math.prod(x.shape[axis] for axis in axes), 1)
    return jnp.where(square == 0, magnitude / count**0.5, root(square))


def _by_three_sums(x: Array, axes: tuple[int, ...]) -> Array:
    """The norm by three sums in one pass."""
    return _norm_of(*_summed(_by_slices(_three_squares(x), axes), axes))


def _by_slices(arrays: list[Array], axes: tuple[int, ...]) -> list[Array]:
    """Arrays with the same sums: each element is the sum of one element of each of 16 slices.

    XLA on CPU unrolls so short a sum into the operations that compute its terms, which it does not store
    then, and computes neighbours as vectors.
    """
    shape = arrays[0].shape
    divisible = [axis for axis in axes if shape[axis] and shape[axis] % _SLICES == 0]
    # Slices of an axis that is split over devices lie on several: they would be gathered.
    if not divisible or may_be_split(arrays[0]):
        return arrays
    axis = divisible[0]
    sliced = (*shape[:axis], _SLICES, shape[axis] // _SLICES, *shape[axis + 1 :])
    return _summed([array.reshape(sliced) for array in arrays], (axis,))


def _summed(arrays: list[Array], axes: tuple[int, ...]) -> list[Array]:
    """The sum of each array over `axes`, as one operation."""
    zeros = [jnp.zeros((), array.dtype) for array in arrays]
    return lax.reduce(arrays, zeros, _added, axes)


def _three_squares(x: Array) -> list[Array]:
    """|x|², and the squares of x scaled down and up: one of the three is in range for every finite x."""
    return [abs_squared(y) for y in _scaled(x)]


def _scaled(x: Array) -> list[Array]:
    scale = 2.0 ** _scale_exponent(x)
    return [x, x * (1 / scale), x * scale]


def _norm_of(square: Array, of_long: Array, of_short: Array) -> Array:
    """The root of the sum of squares; where it has left the range, that of the sum of scaled squares."""
    exponent = _scale_exponent(square)
    scale = 2.0**exponent
    # Below this sum, squares that vanished would show; the square of the scaled-up number still fits.
    least = 2.0 ** (int(jnp.finfo(square.dtype).maxexp) - 2 - 2 * exponent)
    within = jnp.where(square < least, root(of_short) / scale, root(square))
    return jnp.where(jnp.isinf(square), root(of_long) * scale, within)


def _scale_exponent(x: Array) -> int:
    return 25 * int(jnp.finfo(x.dtype).maxexp) // 32


def _added(left: list[Array], right: list[Array]) -> list[Array]:
    return [one + other for one, other in zip(left, right, strict=True)]


def multiply_by(g: jax.Array, factor: jax.Array) -> jax.Array:
    """g * factor."""
    return g * factor


def shortening(length: jax.Array, bound: jax.Array) -> jax.Array:
    """The factor that reduces `length` to `bound`: 1 for a length within the bound, NaN for one not finite.

    For an infinite length the quotient is 0. The product of 0 with the array would be NaN at an infinite
    element and zero at all others, and hide the fault there.
    """
    longer = length > bound
    factor = jnp.where(longer, bound, 1.0) / jnp.where(longer, length, 1.0)
    return jnp.where(jnp.isfinite(length), factor, jnp.nan)


def clipped(x: jax.Array, bound: jax.Array) -> jax.Array:
    """`x` with the magnitude of each element at most `bound`; a complex element keeps its phase."""
    if jnp.iscomplexobj(x):
        return x * shortening(jnp.abs(x), bound)
    return jnp.clip(x, -bound, bound)

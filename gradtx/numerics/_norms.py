"""Norms with a least value, at which they are constant."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.arithmetic import norm, root_mean_square
from gradtx.numerics._arrays import as_wide


def safe_norm(
    x: ArrayLike,
    min_norm: ArrayLike,
    ord: int | float | str | None = None,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
) -> Array:
    r"""The norm of an array, and at least `min_norm`.

    $$\max(\|x\|, n)$$

    where $n$ is `min_norm`. The derivative is 0 where the norm is not above $n$, at $x = 0$ too. Squares
    and other powers neither overflow nor vanish: the norm is right wherever it is a finite number.

    Args:
      x: an array. Its elements count in float32 or wider.
      min_norm: $n$, the least value.
      ord: the order of the norm, as in `numpy.linalg.norm`. `None` is the Euclidean norm of all elements
        along `axis`.
      axis: one axis of vectors, or the two axes of matrices; `None`: the whole array.
      keepdims: whether these axes stay, with the length 1.

    Returns:
      The norm in float32 or wider.

    >>> print(safe_norm(jnp.array([3e30, 4e30]), 1e-6))
    5e+30
    >>> print(jax.grad(lambda x: safe_norm(x, 1e-6))(jnp.zeros(2)))
    [0. 0.]
    """
    x = as_wide(x)
    least = jnp.maximum(jnp.asarray(min_norm).astype(x.real.dtype), 0)
    short = _norm(x, ord, axis, keepdims=True) <= least
    # Most norms have no finite derivative at 0. That of a short array is taken at ones, and not used.
    length = _norm(jnp.where(short, 1, x), ord, axis, keepdims=keepdims)
    return jnp.where(short.reshape(length.shape), least, length)


def safe_root_mean_squares(x: ArrayLike, min_rms: ArrayLike) -> Array:
    r"""The root mean square of an array, and at least `min_rms`.

    $$\max\!\left(\sqrt{\tfrac1n \sum_i |x_i|^2},\ m\right)$$

    where $m$ is `min_rms`. The derivative is 0 where the root mean square is not above $m$, at $x = 0$ too.
    That of an empty array is 0.

    Args:
      x: an array. Its elements count in float32 or wider.
      min_rms: $m$, the least value.

    Returns:
      The number in float32 or wider.

    >>> print(safe_root_mean_squares(jnp.array([3.0, -3.0]), 1e-6))
    3.0
    """
    rms = root_mean_square(as_wide(x))
    least = jnp.asarray(min_rms).astype(rms.dtype)
    return jnp.where(rms <= least, least, rms)


def _norm(x: Array, order: Any, axis: Any, *, keepdims: bool) -> Array:
    vectors = isinstance(axis, int) or (axis is None and x.ndim == 1)
    if order in (None, "fro") or (order == 2 and vectors):
        return norm(x, axis, keepdims=keepdims)
    if order in (0, 1, jnp.inf, -jnp.inf):  # counts, sums and extremes have no powers
        return jnp.linalg.norm(x, order, axis, keepdims)
    # A norm of c x is |c| times that of x, and its derivative does not change.
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis, keepdims=True, initial=0))
    largest = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)
    length = jnp.linalg.norm(x / largest, order, axis, keepdims)
    return length * largest.reshape(length.shape)

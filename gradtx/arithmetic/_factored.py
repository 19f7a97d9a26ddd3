"""The arithmetic of a factored second moment: the averages, and the gradient over their root."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import optimization_barrier

from gradtx.arithmetic._elementwise import abs_squared, interpolate, saturated
from gradtx.arithmetic._norms import root, shortening

LONG = 2.0**40
"""A unit for the directions of a factored average: after a spike the elements beside it are long."""


def factored_averages(
    g: jax.Array, v_row: jax.Array, v_col: jax.Array, c: Any, eps: Any, axes: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    """The new averages of the square of `g` over its columns and over its rows."""
    row, column = axes
    v_row = interpolate(v_row, _mean_square(g, column) + eps, c)
    # After the barrier the second mean takes its own squares; XLA on CPU would store one square for both.
    v_col = interpolate(v_col, _mean_square(optimization_barrier(g), row) + eps, c)
    return v_row, v_col


def _mean_square(g: jax.Array, axis: int) -> jax.Array:
    """The mean of |g|² along `axis`, at most the largest number: a spike would make the averages infinite."""
    return saturated(jnp.mean(abs_squared(g), axis))


def inverse_root_factors(
    v_row: jax.Array, v_col: jax.Array, axes: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    """The factors of 1 / sqrt(V), by row and by column, which broadcast against the leaf."""
    row, column = axes
    by_row, by_column = jnp.expand_dims(v_row, column), jnp.expand_dims(v_col, row)
    mean = jnp.sum(by_row * (1 / max(by_row.shape[row], 1)), row, keepdims=True)
    least = least_average(v_row)
    by_row, by_column = jnp.maximum(by_row, least), jnp.maximum(by_column, least)
    return root(mean) / root(by_row), 1.0 / root(by_column)


def times_factors(g: jax.Array, by_row: jax.Array, by_column: jax.Array) -> jax.Array:
    """The gradient over the root of a factored average."""
    return g * by_row * by_column


def over_root(g: jax.Array, v: jax.Array, least: jax.Array) -> jax.Array:
    """The gradient over the root of a whole average."""
    return g / root(jnp.maximum(v, least))


def least_average(v: jax.Array) -> jax.Array:
    """The number that stands for an average of 0: all its gradients were 0, and the direction stays 0."""
    return jnp.asarray(jnp.finfo(v.dtype).tiny, v.dtype)


def clipped_direction(
    direction: Callable[..., jax.Array], bound: jax.Array, *arrays: jax.Array, unit: float = 1.0
) -> jax.Array:
    """`direction(*arrays)`, shortened to the root mean square `bound`.

    It is computed twice, once to be measured and once in the loop that reads it. Without the barrier the
    two would be one to the compiler, and XLA on CPU would store it whole. The same holds for a constant that
    both broadcast to the size of the leaf. The direction is measured in units of `unit`, a power of two by
    which its last array is divided: squares of long elements are finite, and those that vanish are too short
    to be clipped.
    """
    *others, last = optimization_barrier(arrays)
    again = direction(*others, last / unit)
    size = unit * root(jnp.sum(abs_squared(again)) / max(again.size, 1))
    return direction(*arrays) * shortening(size, bound)

"""The arrays of a numerical function: in float32 or wider."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.tree import is_inexact, widened


def as_wide(x: ArrayLike) -> Array:
    """`x` in its own precision, at least float32; an integer in the default float dtype."""
    x = jnp.asarray(x)
    return x.astype(widened(x.dtype) if is_inexact(x) else float)

"""The trust ratio of layer-wise rules: the norm of the parameters of a layer over that of its update."""

from typing import Any

import jax
import jax.numpy as jnp

Bounds = tuple[float, float]
"""The least and the greatest norm."""

UNBOUNDED: Bounds = (0.0, float("inf"))


def as_bounds(bounds: Any) -> Bounds:
    """The least and the greatest norm as two numbers.

    Raises:
      ValueError: for anything else than two numbers with 0 <= low <= high.
    """
    try:
        low, high = map(float, bounds)
    except (TypeError, ValueError):
        low, high = -1.0, -1.0
    if not 0 <= low <= high:
        raise ValueError(
            f"Bounds of a norm must be two numbers (low, high) with 0 <= low <= high, got {bounds!r}."
        )
    return low, high


def trust_ratio(
    size: jax.Array, length: jax.Array, trust_coefficient: Any = 1.0, eps: Any = 0.0
) -> jax.Array:
    """trust_coefficient * size / (length + eps); 1 where a norm is 0, and NaN where one is not finite."""
    none = (size == 0) | (length == 0)
    ratio = trust_coefficient * size / jnp.where(none, 1.0, length + eps)
    return jnp.where(jnp.isfinite(size + length), jnp.where(none, 1.0, ratio), jnp.nan)

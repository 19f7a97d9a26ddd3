"""The state of Shampoo and SOAP: a square matrix for each side of a leaf that is not too large."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gradtx.arithmetic import LEFT, RIGHT, along_side, axes_of, fans
from gradtx.core import Params
from gradtx.selection import dimension_numbers
from gradtx.tree import MaskedNode, state_like


def zeros_of_sides(params: Params, spec: Any, max_size: int) -> tuple[Any, Any]:
    """A tree of square matrices of zeros for the left sides, and one for the right sides.

    The rows are split over devices as those of the parameter. A `MaskedNode` stands in the place of a side
    larger than `max_size`, and of both sides of an empty leaf.
    """
    own = dimension_numbers(spec, params)
    left, right = (jax.tree.map(partial(_square, side, max_size), own, params) for side in (LEFT, RIGHT))
    return state_like(left), state_like(right)


def _square(side: int, max_size: int, spec: Any, leaf: Any) -> Any:
    """An array in the shape (..., size, size) of a side, with the sharding of the leaf along that side."""
    if spec is False:
        return MaskedNode()
    axes = axes_of(spec, jnp.ndim(leaf))
    size = fans(jnp.shape(leaf), axes)[0 if side == LEFT else 1]
    if size > max_size or not jnp.size(leaf):
        return MaskedNode()
    rows = jnp.expand_dims(along_side(leaf, spec, side), -1)
    return jnp.broadcast_to(rows, (*rows.shape[:-1], size))

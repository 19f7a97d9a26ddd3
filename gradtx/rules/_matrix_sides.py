"""The part that Shampoo and SOAP share: a square matrix for each side of a leaf that is not too large."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gradtx.arithmetic import LAST_TWO, LEFT, RIGHT, along_side, axes_of, fans
from gradtx.core import Params, Rule, static
from gradtx.selection import DimensionNumbers, as_dimension_numbers, dimension_numbers, dimension_numbers_at
from gradtx.tree import MaskedNode, state_like


class TwoSided(Rule, same_shape=False, squares=True, role="normalizes", elementwise=False, abstract=True):
    """A rule with square matrices for the two sides of a leaf in its state."""

    max_size: int = static(
        default=8192,
        low=0,
        kw_only=True,
        doc=(
            "the largest side with a preconditioner: a larger one has no state and multiplies by nothing. A "
            "matrix with two such sides is its own direction"
        ),
    )
    weight_dimension_numbers: DimensionNumbers = static(
        default=LAST_TWO,
        convert=partial(as_dimension_numbers, default=LAST_TWO),
        at=dimension_numbers_at,
        kw_only=True,
        doc="the input axes (the left side) and the output axes (the right side), as in `orthogonalize`",
    )

    def zeros_of_sides(self, params: Params) -> tuple[Any, Any]:
        """A tree of square matrices of zeros for the left sides, and one for the right sides.

        The rows are split over devices as those of the parameter. A `MaskedNode` stands in the place of a
        side larger than `max_size`, and of both sides of an empty leaf.
        """
        own = dimension_numbers(self.weight_dimension_numbers, params)
        square = partial(_square, max_size=self.max_size)
        left, right = (jax.tree.map(partial(square, side), own, params) for side in (LEFT, RIGHT))
        return state_like(left), state_like(right)


def _square(side: int, spec: Any, leaf: Any, max_size: int) -> Any:
    """An array in the shape (..., size, size) of a side, with the sharding of the leaf along that side."""
    if spec is False:
        return MaskedNode()
    axes = axes_of(spec, jnp.ndim(leaf))
    size = fans(jnp.shape(leaf), axes)[side]
    if size > max_size or not jnp.size(leaf):
        return MaskedNode()
    rows = jnp.expand_dims(along_side(leaf, spec, side), -1)
    return jnp.broadcast_to(rows, (*rows.shape[:-1], size))

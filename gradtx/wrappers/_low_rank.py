"""The projection of one matrix onto the main directions of its rows or columns, and the way back."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    LEFT,
    RIGHT,
    axes_of,
    eigenbasis,
    fans,
    from_matrices,
    gram,
    made_whole,
    norm,
    product,
    quotient,
    to_matrices,
)


def projected_side(shape: tuple[int, ...], longer: bool) -> int:
    """The side that is projected: the rows if they are not longer; the longer side on request."""
    rows, columns = shape[-2:]
    return LEFT if (rows >= columns if longer else rows <= columns) else RIGHT


def project(g: Array, projector: Array, due: Array, *, spec: Any, longer: bool) -> tuple[Array, Array]:
    """The projected gradient, and the basis, which is that of this gradient if it is due."""
    x = to_matrices(g, spec)
    side = projected_side(x.shape, longer)
    old = made_whole(projector, (projector.ndim - 2, projector.ndim - 1))

    def renewed() -> Array:
        # In the length 1, so that the squares are in range.
        unit = quotient(x, norm(x, (-2, -1), keepdims=True).astype(x.dtype))
        return _turned(eigenbasis(gram(unit, side))[..., : old.shape[-1]], old)

    basis = jax.lax.cond(due, renewed, lambda: old)
    return product(basis.mT.conj(), x) if side == LEFT else product(x, basis), basis


def _turned(basis: Array, old: Array) -> Array:
    """Each vector with the sign, or the phase, in which it is nearest to the one before."""
    inner = jnp.sum(basis.conj() * old, axis=-2, keepdims=True)
    return basis * jnp.where(inner == 0, 1, quotient(inner, jnp.abs(inner).astype(inner.dtype)))


def project_back(
    low: Array, projector: Array, like: Array, scale: Array, *, spec: Any, longer: bool
) -> Array:
    """A projected step, times `scale`, in the shape of the leaf that it is a step of."""
    low, projector = (made_whole(x, (x.ndim - 2, x.ndim - 1)) for x in (low, projector))
    side = projected_side(fans(like.shape, axes_of(spec, like.ndim)), longer)
    full = product(projector, low) if side == LEFT else product(low, projector.mT.conj())
    return scale * from_matrices(full, like, spec)

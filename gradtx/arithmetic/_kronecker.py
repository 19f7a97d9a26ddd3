r"""Kronecker preconditioning: a matrix multiplied from its two sides, each by a matrix of that side's size.

$(L \otimes R)$ applied to a matrix $G$ as one long vector is $L\,G\,R^\top$: two small products replace one
with a matrix of the squared size. A *side* is the axis along which a factor multiplies: -2 from the left, -1
from the right.
"""

import jax
import jax.numpy as jnp

from gradtx.arithmetic._elementwise import bounded
from gradtx.arithmetic._sharding import made_whole, split_as

LEFT, RIGHT = -2, -1

Sides = dict[int, jax.Array]
"""A square matrix for each side that has one."""


def as_sides(left: jax.Array | None, right: jax.Array | None) -> Sides:
    """The matrices of the sides that have one, whole on an explicit mesh."""
    pair = ((LEFT, left), (RIGHT, right))
    return {side: made_whole(x, (x.ndim - 2, x.ndim - 1)) for side, x in pair if x is not None}


def from_sides(
    matrices: Sides, left: jax.Array | None, right: jax.Array | None
) -> tuple[jax.Array | None, jax.Array | None]:
    """The inverse of `as_sides`: the two matrices with the sharding of `left` and `right`."""
    return (
        None if left is None else split_as(left, matrices[LEFT]),
        None if right is None else split_as(right, matrices[RIGHT]),
    )


def with_finite_products(g: jax.Array) -> jax.Array:
    """`g` with elements so short that its products, summed over 2^40 updates, are finite."""
    return bounded(g, 2**40 * g.size)


def gram(x: jax.Array, side: int) -> jax.Array:
    r"""$X X^*$ for the left side, $X^* X$ for the right: its eigenvectors are singular vectors of $X$."""
    return product(x, x.mT.conj()) if side == LEFT else product(x.mT.conj(), x)


def rotate(x: jax.Array, bases: Sides) -> jax.Array:
    r"""$Q_L^* X Q_R$: the matrix in the bases whose vectors are the columns of $Q_L$ and $Q_R$."""
    for side, basis in bases.items():
        x = product(basis.mT.conj(), x) if side == LEFT else product(x, basis)
    return x


def rotate_back(x: jax.Array, bases: Sides) -> jax.Array:
    r"""$Q_L X Q_R^*$, the inverse of `rotate`.

    >>> quarter = jnp.array([[0.0, -1.0], [1.0, 0.0]])
    >>> rotate_back(jnp.array([[1.0, 2.0], [3.0, 4.0]]), {LEFT: quarter})
    Array([[-3., -4.],
           [ 1.,  2.]], dtype=float32)
    """
    return rotate(x, {side: basis.mT.conj() for side, basis in bases.items()})


def in_order_of(values: jax.Array, x: jax.Array, side: int) -> jax.Array:
    """`x` with the rows (left) or the columns (right) in descending order of `values`."""
    keys = jnp.broadcast_to(jnp.expand_dims(-values, RIGHT if side == LEFT else LEFT), x.shape)
    return jax.lax.sort((keys, x), dimension=x.ndim + side, num_keys=1)[1]


def product(
    left: jax.Array, right: jax.Array, precision: jax.lax.Precision = jax.lax.Precision.HIGHEST
) -> jax.Array:
    """The matrix product, by default on every device at the full precision of its factors."""
    return jnp.matmul(left, right, precision=precision)

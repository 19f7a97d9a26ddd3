r"""Kronecker preconditioning: a matrix multiplied from its two sides, each by a matrix of that side's size.

$(L \otimes R)$ applied to a matrix $G$ as one long vector is $L\,G\,R^\top$: two small products replace one
with a matrix of the squared size. A *side* is the axis along which a factor multiplies: -2 from the left, -1
from the right.
"""

import jax
import jax.numpy as jnp

from gradtx.arithmetic._matrices import made_whole, split_as

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


def inverse_root(gram: jax.Array, exponent: jax.Array, eps: jax.Array) -> jax.Array:
    r"""$(A + \epsilon \lambda_{\max} I)^{-p}$ of a positive semidefinite $A$, by its eigenvectors.

    The power of an eigenvalue that is 0 after all is 0: a direction of size 0 gives no step. A matrix of
    zeros tells no size, and its power is the identity.

    >>> inverse_root(jnp.diag(jnp.array([16.0, 81.0, 0.0])), jnp.float32(0.25), jnp.float32(0.0)).round(4)
    Array([[0.5   , 0.    , 0.    ],
           [0.    , 0.3333, 0.    ],
           [0.    , 0.    , 0.    ]], dtype=float32)
    """
    values, vectors = jnp.linalg.eigh(gram)
    values = jnp.maximum(values, 0.0)  # rounding may leave one below
    greatest = jnp.max(values, axis=-1, keepdims=True)
    values = jnp.where(greatest == 0, 1.0, values + eps * greatest)
    zero = values == 0
    powers = jnp.where(zero, 0.0, jnp.where(zero, 1.0, values) ** -exponent)
    return product(vectors * jnp.expand_dims(powers, -2), vectors.mT.conj())


def eigenbasis(gram: jax.Array) -> jax.Array:
    """The eigenvectors as columns, in descending order of their eigenvalues."""
    return jnp.flip(jnp.linalg.eigh(gram)[1], axis=-1)


def next_eigenbasis(gram: jax.Array, basis: jax.Array) -> tuple[jax.Array, jax.Array]:
    r"""One step of orthogonal iteration, $QR = A Q_\text{old}$, and the eigenvalues that it started from.

    The columns are first sorted in descending order of $q^* A q$. A QR decomposition keeps this order: the
    first column of $Q$ is that of $A Q_\text{old}$, and each further one is made orthogonal to those before.
    """
    power = product(gram, basis)
    values = jnp.sum((basis.conj() * power).real, axis=-2)
    # JAX has no QR decomposition of arrays that are split over an explicit mesh, even along a batch axis.
    whole = made_whole(in_order_of(values, power, RIGHT), range(power.ndim))
    return split_as(power, jnp.linalg.qr(whole)[0]), values


def in_order_of(values: jax.Array, x: jax.Array, side: int) -> jax.Array:
    """`x` with the rows (left) or the columns (right) in descending order of `values`."""
    keys = jnp.broadcast_to(jnp.expand_dims(-values, RIGHT if side == LEFT else LEFT), x.shape)
    return jax.lax.sort((keys, x), dimension=x.ndim + side, num_keys=1)[1]


def product(left: jax.Array, right: jax.Array) -> jax.Array:
    """The matrix product, on every device at the full precision of its factors."""
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)

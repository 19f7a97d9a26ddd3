"""Powers, eigenvectors and orthogonal bases of symmetric matrices, with derivatives that stay finite.

The derivative of an eigenvector divides by differences of eigenvalues. A pair that is equal to rounding
contributes 0: nothing distinguishes a direction between its eigenvectors.
"""

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic._elementwise import quotient
from gradtx.arithmetic._kronecker import RIGHT, in_order_of, product
from gradtx.arithmetic._sharding import made_whole, split_as


@jax.custom_jvp
def inverse_root(gram: Array, exponent: Array, eps: Array) -> Array:
    r"""$(A + \epsilon \lambda_{\max} I)^{-p}$ of a positive semidefinite $A$, by its eigenvectors.

    The power of an eigenvalue that is 0 after all is 0: a direction of size 0 gives no step. A matrix of
    zeros tells no size, and its power is the identity.

    >>> inverse_root(jnp.diag(jnp.array([16.0, 81.0, 0.0])), jnp.float32(0.25), jnp.float32(0.0)).round(4)
    Array([[0.5   , 0.    , 0.    ],
           [0.    , 0.3333, 0.    ],
           [0.    , 0.    , 0.    ]], dtype=float32)
    """
    values, vectors = jnp.linalg.eigh(gram)
    powers, *_ = _inverse_powers(values, exponent, eps)
    return product(vectors * jnp.expand_dims(powers, -2), vectors.mT.conj())


@inverse_root.defjvp
def _inverse_root_jvp(
    primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    """Divided differences in the basis of the eigenvectors; of an equal pair, the derivative of the power.

    **Reference**: Higham (2008), *Functions of Matrices*, theorem 3.11 (Daleckii and Krein).
    """
    gram, exponent, eps = primals
    values, vectors = jnp.linalg.eigh(gram)
    change = _in_basis(tangents[0], vectors)
    own = jnp.diagonal(change, axis1=-2, axis2=-1).real
    (powers, bases, slopes), (changes, *_) = jax.jvp(
        _inverse_powers, (values, exponent, eps), (own, tangents[1], tangents[2])
    )
    over_gaps, equal = _inverse_gaps(bases)
    ratios = jnp.where(equal, jnp.expand_dims(slopes, -1), _differences(powers) * over_gaps)
    diagonal = jnp.eye(gram.shape[-1], dtype=bool)
    change = jnp.where(diagonal, jnp.expand_dims(changes, -1), ratios * change)
    back = product(product(vectors, change), vectors.mT.conj())
    return product(vectors * jnp.expand_dims(powers, -2), vectors.mT.conj()), back


def _inverse_powers(values: Array, exponent: Array, eps: Array) -> tuple[Array, Array, Array]:
    """The inverse powers of the shifted eigenvalues, their bases, and their slopes."""
    values = jnp.maximum(values, 0.0)  # rounding may leave one below
    greatest = jnp.max(values, axis=-1, keepdims=True)
    bases = jnp.where(greatest == 0, 1.0, values + eps * greatest)
    zero = bases == 0
    powers = jnp.where(zero, 0.0, jnp.where(zero, 1.0, bases) ** -exponent)
    return powers, bases, jnp.where(greatest == 0, 0.0, -exponent * quotient(powers, bases))


@jax.custom_jvp
def eigenbasis(gram: Array) -> Array:
    """The eigenvectors as columns, in descending order of their eigenvalues."""
    return jnp.flip(jnp.linalg.eigh(gram)[1], axis=-1)


@eigenbasis.defjvp
def _eigenbasis_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    values, vectors = jnp.linalg.eigh(primals[0])
    turned = product(vectors, -_inverse_gaps(values)[0] * _in_basis(tangents[0], vectors))
    return jnp.flip(vectors, axis=-1), jnp.flip(turned, axis=-1)


def next_eigenbasis(gram: Array, basis: Array) -> tuple[Array, Array]:
    r"""One step of orthogonal iteration, $QR = A Q_\text{old}$, and the eigenvalues that it started from.

    The columns are first sorted in descending order of $q^* A q$. A QR decomposition keeps this order: the
    first column of $Q$ is that of $A Q_\text{old}$, and each further one is made orthogonal to those before.
    """
    power = product(gram, basis)
    values = jnp.sum((basis.conj() * power).real, axis=-2)
    # JAX has no QR decomposition of arrays that are split over an explicit mesh, even along a batch axis.
    whole = made_whole(in_order_of(values, power, RIGHT), range(power.ndim))
    return split_as(power, _orthonormal(whole)), values


@jax.custom_jvp
def _orthonormal(x: Array) -> Array:
    """Q of the QR decomposition of square matrices."""
    return jnp.linalg.qr(x)[0]


@_orthonormal.defjvp
def _orthonormal_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """dQ = Q W, where the skew W equals Q* dX R^-1 below the diagonal; a column of length 0 adds nothing."""
    q, r = jnp.linalg.qr(primals[0])
    size = jnp.abs(jnp.diagonal(r, axis1=-2, axis2=-1))
    short = size <= jnp.finfo(size.dtype).eps * jnp.max(size, axis=-1, keepdims=True)
    r = jnp.where(jnp.expand_dims(short, -2) & jnp.eye(r.shape[-1], dtype=bool), 1.0, r)
    change = jnp.where(jnp.expand_dims(short, -2), 0.0, product(q.mT.conj(), tangents[0]))
    change = jax.lax.linalg.triangular_solve(r, change, left_side=False, lower=False)
    below = jnp.where(jnp.expand_dims(short, -2), 0.0, jnp.tril(change, -1))
    return q, product(q, below - below.mT.conj())


def _in_basis(x: Array, vectors: Array) -> Array:
    return product(product(vectors.mT.conj(), x), vectors)


def _differences(x: Array) -> Array:
    """x_i - x_j for each pair (i, j)."""
    return jnp.expand_dims(x, -1) - jnp.expand_dims(x, -2)


def _inverse_gaps(values: Array) -> tuple[Array, Array]:
    """1 / (x_i - x_j) for each pair, and 0 for an equal one; whether each pair is equal to rounding."""
    gaps = _differences(values)
    rounding = values.shape[-1] * jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values), axis=-1)
    equal = jnp.abs(gaps) <= jnp.expand_dims(rounding, (-1, -2))
    return jnp.where(equal, 0.0, 1.0 / jnp.where(equal, 1.0, gaps)), equal

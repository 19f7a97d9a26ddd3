"""Inverse roots of matrices by Newton's iteration, which takes matrix products alone."""

import operator
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.arithmetic import norm, product
from gradtx.numerics._power_iteration import power_iteration, square


class _Iterate(NamedTuple):
    """The residual matrix, the root and the one before it, the error, and whether it may improve."""

    m: Array
    root: Array
    previous: Array
    error: Array
    improves: Array
    steps: Array


def matrix_inverse_pth_root(
    matrix: ArrayLike,
    p: int,
    num_iters: ArrayLike = 100,
    ridge_epsilon: ArrayLike = 1e-6,
    error_tolerance: ArrayLike = 1e-6,
    precision: jax.lax.Precision = jax.lax.Precision.HIGHEST,
) -> tuple[Array, Array]:
    r"""The inverse root $A^{-1/p}$ of a positive semidefinite matrix, by the coupled Newton iteration.

    $$X_{k+1} = X_k T_k, \qquad M_{k+1} = T_k^p M_k, \qquad T_k = \frac{(p + 1) I - M_k}{p}$$

    from $M_0 = z A$ and $X_0 = z^{1/p} I$ with $z = (p + 1) / (2 \|A\|_F)$. Here $A$ is the matrix with a
    ridge, $\epsilon \max(\lambda_{\max}, 10^{-16})\,I$, added, where $\epsilon$ is `ridge_epsilon`. The
    iteration ends when $\max |M_k - I|$ is at most `error_tolerance`, after `num_iters` steps, or when that
    error grows by more than a fifth, as with a negative eigenvalue. The root is then that of the step before.

    The number of steps is not known when it is compiled: there is no reverse-mode derivative.

    Args:
      matrix: a symmetric or Hermitian positive semidefinite matrix.
      p: the order of the root, a positive integer. Optax takes 1, 2, 4 and 8.
      num_iters: the largest number of steps.
      ridge_epsilon: $\epsilon$.
      error_tolerance: the error at which it ends.
      precision: the precision of the matrix products.

    Returns:
      The root and the error $\max |M_k - I|$, both in float32 or wider.

    Raises:
      ValueError: for an array that is no square matrix, and for an order below 1.

    **Reference**: Higham (2008), *Functions of Matrices*, equation 7.18; Iannazzo (2006), *On the Newton
    method for the matrix pth root*, doi:10.1137/050624790.

    >>> root, error = matrix_inverse_pth_root(jnp.diag(jnp.array([16.0, 81.0])), 4, ridge_epsilon=0.0)
    >>> print(root.round(4))
    [[0.5    0.    ]
     [0.     0.3333]]
    """
    matrix, p = square("matrix_inverse_pth_root", matrix), operator.index(p)
    if p < 1:
        raise ValueError(f"matrix_inverse_pth_root: p must be a positive integer, got {p}.")
    identity = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    greatest = power_iteration(matrix, precision=precision)[0].real
    damped = matrix + ridge_epsilon * jnp.maximum(greatest, 1e-16) * identity

    def step(last: _Iterate) -> _Iterate:
        t = ((p + 1) * identity - last.m) / p
        m = product(_power(t, p, precision), last.m, precision)
        error = _distance(m, identity)
        improves = error < 1.2 * last.error
        return _Iterate(m, product(last.root, t, precision), last.root, error, improves, last.steps + 1)

    def goes_on(last: _Iterate) -> Array:
        return (last.steps < num_iters) & last.improves & (last.error > error_tolerance)

    length = norm(damped)
    m = (p + 1) / 2 * (damped / length)
    start = ((p + 1) / 2 / length) ** (1 / p) * identity
    always, none = jnp.ones((), bool), jnp.zeros((), jnp.int32)
    end = jax.lax.while_loop(goes_on, step, _Iterate(m, start, start, _distance(m, identity), always, none))
    return jnp.where(end.improves, end.root, end.previous), end.error


def _distance(m: Array, identity: Array) -> Array:
    return jnp.max(jnp.abs(m - identity), initial=0.0)


def _power(x: Array, p: int, precision: jax.lax.Precision) -> Array:
    """The power of a matrix, by squares."""
    if p == 1:
        return x
    half = _power(x, p // 2, precision)
    even = product(half, half, precision)
    return product(even, x, precision) if p % 2 else even

"""Power iteration: the eigenvalue of the largest magnitude."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx import tree
from gradtx.arithmetic import product, quotient
from gradtx.numerics._arrays import as_wide


class _Iterate(NamedTuple):
    """A unit vector, its product with the matrix, the eigenvalue, and the number of steps."""

    v: Any
    product: Any
    eigenvalue: Array
    steps: Array


def power_iteration(
    matrix: ArrayLike | Callable[[Any], Any],
    *,
    v0: Any = None,
    num_iters: ArrayLike = 100,
    error_tolerance: ArrayLike = 1e-6,
    precision: jax.lax.Precision = jax.lax.Precision.HIGHEST,
    key: Array | None = None,
) -> tuple[Array, Any]:
    r"""The eigenvalue of the largest magnitude of a matrix, with its eigenvector.

    $$v_{k+1} = \frac{A v_k}{\|A v_k\|}, \qquad \lambda_k = v_k^* A v_k$$

    It ends when $\|A v_k - \lambda_k v_k\| \le \epsilon |\lambda_k|$, where $\epsilon$ is `error_tolerance`,
    or after `num_iters` steps. The error falls by $|\lambda_2 / \lambda_1|$ a step: two eigenvalues of one
    magnitude and opposite signs do not separate. For a matrix of zeros the eigenvalue is 0, and the vector
    is the first one.

    The number of steps is not known when it is compiled: there is no reverse-mode derivative.

    Args:
      matrix: $A$, a square array, or a function that multiplies a tree by a matrix, such as the product with
        a Hessian.
      v0: the first vector, or a tree of the structure that the function takes. `None`: uniform random
        numbers between -1 and 1, for an array alone.
      num_iters: the largest number of steps.
      error_tolerance: $\epsilon$.
      precision: the precision of the products with an array.
      key: the random key of the first vector; `None` is the seed 0.

    Returns:
      The eigenvalue, and the eigenvector as a unit vector in the structure of `v0`; both in float32 or wider.

    Raises:
      ValueError: for a function without `v0`, and for an array that is not square.

    **Reference**: Golub and Van Loan (2013), *Matrix Computations*, section 7.3.1.

    >>> eigenvalue, vector = power_iteration(jnp.diag(jnp.array([3.0, 1.0])))
    >>> print(eigenvalue, vector.round(3))
    3.0 [1. 0.]
    """
    multiply, v = _of_function(matrix, v0) if callable(matrix) else _of_array(matrix, v0, precision, key)

    def at(v: Any, steps: Array) -> _Iterate:
        multiplied = multiply(v)
        return _Iterate(v, multiplied, tree.vdot(v, multiplied), steps)

    def goes_on(last: _Iterate) -> Array:
        residual = tree.norm(jax.tree.map(lambda z, v: z - last.eigenvalue * v, last.product, last.v))
        return (last.steps < num_iters) & (residual > error_tolerance * jnp.abs(last.eigenvalue))

    start = at(_unit(v, v), jnp.zeros((), jnp.int32))
    end = jax.lax.while_loop(goes_on, lambda last: at(_unit(last.product, last.v), last.steps + 1), start)
    return end.eigenvalue, _unit(end.product, end.v)


def _of_array(
    matrix: Any, v0: Any, precision: jax.lax.Precision, key: Array | None
) -> tuple[Callable[[Array], Array], Array]:
    matrix = square("power_iteration", matrix)
    if v0 is None:
        key = jax.random.key(0) if key is None else key
        v0 = jax.random.uniform(key, matrix.shape[1:], matrix.real.dtype, -1.0, 1.0)
    return partial(product, matrix, precision=precision), as_wide(v0).astype(matrix.dtype)


def _of_function(function: Callable[[Any], Any], v0: Any) -> tuple[Callable[[Any], Any], Any]:
    if v0 is None:
        raise ValueError("power_iteration: a function needs v0, a tree of the structure that it takes.")
    return lambda v: jax.tree.map(as_wide, function(tree.cast_like(v, v0))), jax.tree.map(as_wide, v0)


def square(who: str, matrix: ArrayLike) -> Array:
    """The matrix in float32 or wider.

    Raises:
      ValueError: for an array that is no square matrix.
    """
    matrix = as_wide(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"{who} takes one square matrix, got the shape {matrix.shape}. Map over several with jax.vmap."
        )
    return matrix


def _unit(v: Any, otherwise: Any) -> Any:
    """`v` in the length 1; `otherwise` for a vector of zeros."""
    length = tree.norm(v)
    return jax.tree.map(
        lambda x, other: jnp.where(length == 0, other, quotient(x, length.astype(x.dtype))), v, otherwise
    )

"""Least squares with a bound on the solution."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.arithmetic import norm, product, quotient
from gradtx.numerics._arrays import as_wide


class _Iterate(NamedTuple):
    """The solution, the point at which the next gradient is taken, and the number of Nesterov's sequence."""

    x: Array
    ahead: Array
    c: Array


def nnls(
    A: ArrayLike,  # noqa: N803 - the letters of the equation
    b: ArrayLike,
    iters: int,
    unroll: int | bool = 1,
    L: ArrayLike | None = None,  # noqa: N803
) -> Array:
    r"""Non-negative least squares: the $x \ge 0$ with the smallest $\|A x - b\|$.

    $$x_{k+1} = \max\!\Big(y_k - \frac{A^\top (A y_k - b)}{L},\ 0\Big), \qquad
      y_{k+1} = x_{k+1} + \frac{c_k - 1}{c_{k+1}}\,(x_{k+1} - x_k), \qquad
      c_{k+1} = \frac{1 + \sqrt{1 + 4 c_k^2}}{2}$$

    from $x_0 = y_0 = 0$ and $c_0 = 0$: the projected gradient with Nesterov's extrapolation. The error of
    the square falls as $1 / k^2$. The iteration runs on $A / \|A\|$ and $b / \|b\|$, so that products
    neither overflow nor vanish.

    Args:
      A: a real matrix of shape (m, n).
      b: a vector of length m, or a matrix of shape (m, k) of k problems.
      iters: the number of steps.
      unroll: the number of steps in one pass of the compiled loop, as in `jax.lax.scan`.
      L: a number not below the greatest eigenvalue of $A^\top A$. `None`: the smaller of its Frobenius norm
        and its greatest sum of a column.

    Returns:
      The solution, of shape (n,) or (n, k), in float32 or wider.

    Raises:
      ValueError: for shapes that do not fit.
      TypeError: for complex numbers, which have no order.

    **Reference**: Polyak (2015), *Projected gradient method for non-negative least squares*, Contemporary
    Mathematics 636.

    >>> print(nnls(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([5.0, 6.0]), 1000).round(3))
    [0.  1.7]
    """
    a, b = as_wide(A), as_wide(b)
    _check(a, b)
    a, b = (x.astype(jnp.promote_types(a.dtype, b.dtype)) for x in (a, b))
    size_a, size_b = norm(a), norm(b)
    a, b = quotient(a, size_a), quotient(b, size_b)
    gram, projected = product(a.mT, a), product(a.mT, b)
    bound = (
        _spectral_bound(gram) if L is None else quotient(quotient(as_wide(L).astype(a.dtype), size_a), size_a)
    )
    rate = 1 / jnp.where(bound == 0, 1, bound)

    def step(last: _Iterate, _: None) -> tuple[_Iterate, None]:
        c = (1 + jnp.sqrt(1 + 4 * last.c**2)) / 2
        x = jnp.maximum(last.ahead - rate * (product(gram, last.ahead) - projected), 0)
        return _Iterate(x, x + (last.c - 1) / c * (x - last.x), c), None

    zero = jnp.zeros_like(projected)
    end, _ = jax.lax.scan(step, _Iterate(zero, zero, jnp.zeros((), a.dtype)), length=iters, unroll=unroll)
    return end.x * quotient(size_b, size_a)


def _check(a: Array, b: Array) -> None:
    if a.ndim != 2 or b.ndim not in (1, 2) or b.shape[0] != a.shape[0]:
        raise ValueError(
            f"nnls: A must have the shape (m, n) and b (m,) or (m, k), got {a.shape}, {b.shape}."
        )
    if jnp.iscomplexobj(a) or jnp.iscomplexobj(b):
        raise TypeError("nnls takes real arrays: complex numbers have no order.")


def _spectral_bound(gram: Array) -> Array:
    """A number not below the greatest eigenvalue: the smaller of two norms."""
    return jnp.minimum(norm(gram), jnp.max(jnp.sum(jnp.abs(gram), axis=0), initial=0))

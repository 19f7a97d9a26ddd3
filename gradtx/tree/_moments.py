"""Moving averages of trees, as functions."""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.arithmetic import abs_squared, complement, correction, interpolate
from gradtx.tree._arithmetic import leaf_by_leaf


def update_moment(updates: Any, moments: Any, decay: ArrayLike, order: float) -> Any:
    r"""The next moving average of a power of the updates.

    $$m_t = (1 - \beta)\, g_t^k + \beta\, m_{t-1}$$

    Args:
      updates: the updates $g_t$; `None` stays `None`.
      moments: the averages $m_{t-1}$, a tree of the same structure.
      decay: $\beta$.
      order: the power $k$.

    Returns:
      The averages, computed in float32 or wider, in the dtypes to which updates and averages promote.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> update_moment(jnp.array([2.0]), jnp.array([1.0]), decay=0.5, order=2)
    Array([2.5], dtype=float32)
    """
    return _averaged(updates, moments, decay, lambda g: g**order)


def update_moment_per_elem_norm(updates: Any, moments: Any, decay: ArrayLike, order: float) -> Any:
    r"""The next moving average of a power of the magnitudes of the updates.

    $$m_t = (1 - \beta)\, |g_t|^k + \beta\, m_{t-1}$$

    For real updates it is `update_moment`, also with an odd power.

    Args:
      updates: the updates $g_t$, real or complex; `None` stays `None`.
      moments: the averages $m_{t-1}$, a tree of the same structure.
      decay: $\beta$.
      order: the power $k$.

    Returns:
      The averages, computed in float32 or wider; those of complex updates are real.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> update_moment_per_elem_norm(jnp.array([3.0 + 4.0j]), jnp.array([1.0]), decay=0.5, order=2)
    Array([13.], dtype=float32)
    """

    def power(g: Array) -> Array:
        if not jnp.iscomplexobj(g):
            return g**order
        return abs_squared(g) ** (int(order) // 2 if order % 2 == 0 else order / 2)

    return _averaged(updates, moments, decay, power)


def update_infinity_moment(updates: Any, moments: Any, decay: ArrayLike, eps: ArrayLike) -> Any:
    r"""The next exponentially decayed maximum of the magnitudes of the updates.

    $$m_t = \max(|g_t| + \epsilon,\ \beta\, m_{t-1})$$

    Args:
      updates: the updates $g_t$; `None` stays `None`.
      moments: the maxima $m_{t-1}$, a tree of the same structure.
      decay: $\beta$.
      eps: $\epsilon$.

    Raises:
      TreeMismatchError: for trees of two structures, with the first place where they differ.

    >>> update_infinity_moment(jnp.array([-2.0]), jnp.array([3.0]), decay=0.5, eps=0.0)
    Array([2.], dtype=float32)
    """

    def largest(g: Array, m: Array) -> Array:
        size = jnp.abs(g)
        return jnp.maximum(size + _as(eps, size), _as(decay, size) * m.real)

    return leaf_by_leaf(largest, updates, moments=moments)


def bias_correction(moment: Any, decay: ArrayLike, count: ArrayLike) -> Any:
    r"""A moving average that began at 0, over the sum of its weights.

    $$\hat m_t = \frac{m_t}{1 - \beta^t}$$

    Args:
      moment: the averages $m_t$.
      decay: $\beta$.
      count: the number $t$ of updates, from 1 on.

    Returns:
      The corrected averages in their own dtypes; the correction is computed in float32 or wider.

    >>> bias_correction(jnp.array([0.5]), decay=0.5, count=jnp.array(1))
    Array([1.], dtype=float32)
    """
    return leaf_by_leaf(lambda m: m / correction(complement(decay), count).astype(m.real.dtype), moment)


def _averaged(updates: Any, moments: Any, decay: ArrayLike, power: Any) -> Any:
    c = complement(decay)

    def average(g: Array, m: Array) -> Array:
        new = power(g)
        return interpolate(m if jnp.iscomplexobj(new) else m.real, new, _as(c, g.real))

    return leaf_by_leaf(average, updates, moments=moments)


def _as(number: ArrayLike, x: Array) -> Array:
    return jnp.asarray(number).astype(x.dtype)

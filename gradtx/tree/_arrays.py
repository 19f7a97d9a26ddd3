"""State arrays that mirror parameters."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.tree_util import keystr, tree_map_with_path
from jax.typing import ArrayLike, DTypeLike

from gradtx.tree._leaves import MaskedNode, arithmetic_dtype, is_complex, is_inexact, widened
from gradtx.tree._mapping import as_scalar
from gradtx.tree._search import Path


def state_like(
    params: Any, dtype: DTypeLike | None = None, *, value: ArrayLike = 0.0, real: bool = False
) -> Any:
    """A tree of state arrays, each with the shape and the sharding of its parameter.

    Args:
      params: the tree to mirror. `None` stays `None`, and a non-differentiable leaf becomes a `MaskedNode`.
      dtype: the storage dtype; by default that of the parameter, at least float32. A complex parameter gets
        a complex dtype of this precision, at least complex64.
      value: the number, or the rank-0 array, with which to fill.
      real: whether a complex parameter gets a real array, as for its squared magnitude.

    Raises:
      TypeError: for a leaf that is neither an array nor a number, with its path.

    >>> state_like({"w": jnp.ones(2, jnp.bfloat16), "count": jnp.ones((), int)})
    {'count': MaskedNode(), 'w': Array([0., 0.], dtype=float32)}
    """
    return tree_map_with_path(partial(_state_like, value=value, dtype=dtype, real=real), params)


def moments_like(params: Any, dtype: Any = None) -> tuple[Any, Any]:
    """Zeros for the average of the gradients, stored in `dtype`, and for the average of their squares."""
    return state_like(params, dtype), state_like(params, real=True)


def number(value: Any = 0.0) -> Array:
    """A number of the state, in the default float dtype.

    It is an array of its own, since the state may be donated and the optimizer may not.
    """
    return jnp.array(as_scalar(value), float)


def copies(params: Any, dtype: DTypeLike | None = None, *, own_dtype: bool = False) -> Any:
    """Copies of the parameters as state, which can be donated together with the parameters.

    Args:
      params: the tree to copy. `None` stays `None`, and a non-differentiable leaf becomes a `MaskedNode`.
      dtype: the storage dtype, as in `state_like`.
      own_dtype: whether each copy keeps the dtype of its parameter, however narrow: for copies that never
        change.

    Raises:
      TypeError: for a leaf that is neither an array nor a number, with its path.
    """
    return tree_map_with_path(partial(_copy, dtype=dtype, own_dtype=own_dtype), params)


def _state_like(
    path: Path, param: Any, *, value: ArrayLike, dtype: DTypeLike | None, real: bool
) -> Array | MaskedNode:
    if not _has_state(path, param):
        return MaskedNode()
    if isinstance(value, Array) and not jnp.ndim(param):
        value = value.copy()  # `full_like` would return it itself: see `number`
    full = jnp.full_like(param, value, _storage_dtype(param, dtype, real))
    return _sharded_as(param, full) if isinstance(param, Tracer) else full


def _copy(path: Path, param: Any, *, dtype: DTypeLike | None, own_dtype: bool) -> Array | MaskedNode:
    if not _has_state(path, param):
        return MaskedNode()
    return jnp.array(param, jnp.result_type(param) if own_dtype else _storage_dtype(param, dtype), copy=True)


def _has_state(path: Path, param: Any) -> bool:
    if not (hasattr(param, "dtype") or isinstance(param, int | float | complex)):
        raise TypeError(
            f"The parameters have {param!r} at {keystr(path)}, where an array must stand. Leave it out, as "
            "equinox.filter(model, equinox.is_array) does."
        )
    return is_inexact(param)


def _storage_dtype(param: ArrayLike, dtype: DTypeLike | None, real: bool = False) -> DTypeLike:
    wide = widened(jnp.result_type(param))
    if real:
        wide = arithmetic_dtype(wide)
    if dtype is None:
        return wide
    return widened(np.complex64, dtype) if is_complex(wide) else dtype


def _sharded_as(param: Array, full: Array) -> Array:
    """`full` with the sharding of `param`.

    Under `jit` on an automatic mesh the sharding of a constant is independent of that of the parameter. A
    selection between the two ties them, and the barrier hides from the compiler that the selection always
    takes the constant.
    """
    never = jax.lax.optimization_barrier(jnp.zeros((), bool))
    source = param if jnp.iscomplexobj(full) else param.real
    return jnp.where(never, source.astype(full.dtype), full)

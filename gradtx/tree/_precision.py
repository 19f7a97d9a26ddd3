"""The rounding of updates to the precision of the parameters."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradtx.tree._leaves import ARRAYS_AND_NUMBERS, arithmetic_dtype, flatten, is_complex, is_inexact
from gradtx.tree._mapping import is_traced
from gradtx.tree._matching import match


def narrowed(changed: Any, updates: Any, params: Any = None, *, same_shape: bool = False) -> Any:
    """`changed` in the precision of `params`, or, without `params`, of `updates`.

    Only the precision changes: complex stays complex and real stays real. Leaves that are not
    floating-point in both trees stay as they are.

    Args:
      changed: the updates that a transformation returns.
      updates: the updates that the transformation was given.
      params: the parameters, or `None`.
      same_shape: whether `changed` must have the structure and the shapes of `params`.

    Raises:
      TreeMismatchError: with the path of the leaf, where `changed` has not.
    """
    if params is not None and same_shape:
        leaves, (beside,), treedef = match(changed, params=params)
    else:
        leaves, treedef = flatten(changed)
        try:
            beside = treedef.flatten_up_to(updates if params is None else params)
        except (ValueError, TypeError, KeyError):
            return changed  # a function of whole trees returned a tree of another structure
    targets: dict[int, np.dtype] = {}
    for index, (leaf, other) in enumerate(zip(leaves, beside, strict=True)):
        dtype = getattr(leaf, "dtype", None)
        if dtype is None or dtype == getattr(other, "dtype", None):
            continue  # nearly always
        if (target := _target(leaf, other)) != dtype:
            targets[index] = target
    if not targets:
        return changed
    wide = [leaves[index] for index in targets]
    cast = _cast if is_traced(wide) else _cast_at_once
    for index, leaf in zip(targets, cast(wide, tuple(targets.values())), strict=True):
        leaves[index] = leaf
    return treedef.unflatten(leaves)


def _target(leaf: Any, other: Any) -> Any:
    """The dtype to which `leaf` is rounded for `other`; its own dtype where it stays as it is."""
    if is_inexact(leaf) and isinstance(other, ARRAYS_AND_NUMBERS) and is_inexact(other):
        return _at_precision_of(jnp.result_type(leaf), jnp.result_type(other))
    return leaf.dtype


def _cast(leaves: list[Any], dtypes: tuple[Any, ...]) -> list[Any]:
    return [jax.lax.convert_element_type(leaf, dtype) for leaf, dtype in zip(leaves, dtypes, strict=True)]


_cast_at_once = jax.jit(_cast, static_argnums=1)


@cache
def _at_precision_of(dtype: Any, other: Any) -> np.dtype:
    real = jnp.finfo(other).dtype
    return np.result_type(arithmetic_dtype(real), np.complex64) if is_complex(dtype) else np.dtype(real)

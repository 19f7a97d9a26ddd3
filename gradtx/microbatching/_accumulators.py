"""Accumulators: how the results of micro-batches become one."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import interpolate
from gradtx.microbatching._batches import joined_batch_axis
from gradtx.tree import is_inexact, widened


@dataclass(frozen=True)
class Accumulator:
    """Four functions of trees that make one result of those of the micro-batches.

        carry = init(shape of the first result)
        for index, result in enumerate(results):
            carry = update(carry, result, index)
        total = finalize(carry)

    Args:
      init: a function from a result, of which it reads the shapes and dtypes, to the first carry.
      update: a function `(carry, result, index) -> carry`.
      finalize: a function from the last carry to the total.
      aggregate: a function from the results of single examples, along the first axis, to that of a
        micro-batch, for `micro_vmap`.
    """

    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any], Any]
    finalize: Callable[[Any], Any]
    aggregate: Callable[[Any], Any]


class AccumulationType(enum.Enum):
    """The kinds of accumulators that are made from a name."""

    MEAN = enum.auto()
    """The sum, divided by the number of micro-batches, also of those that `num_real_microbatches` omits."""
    SUM = enum.auto()
    """The sum."""
    RUNNING_MEAN = enum.auto()
    """The mean of the micro-batches that run; equal results give exactly one of them."""
    CONCAT = enum.auto()
    """All results, along the first axis, in the order of the examples."""


def composed(accumulators: Any, count: int) -> Accumulator:
    """One accumulator from a tree of them and of their kinds, a prefix of the results.

    Args:
      accumulators: the tree.
      count: the number of micro-batches.

    Raises:
      TypeError: for a leaf that is neither.
    """
    each = jax.tree.map(partial(_made, count=count), accumulators)

    def over(name: str) -> Callable[..., Any]:
        return lambda *trees: jax.tree.map(lambda own, *parts: getattr(own, name)(*parts), each, *trees)

    def update(carry: Any, result: Any, index: Any) -> Any:
        return jax.tree.map(lambda own, old, new: own.update(old, new, index), each, carry, result)

    return Accumulator(over("init"), update, over("finalize"), over("aggregate"))


def _made(kind: Any, count: int) -> Accumulator:
    match kind:
        case Accumulator():
            return kind
        case AccumulationType.SUM:
            return _leafwise(_zeros, lambda carry, x, _: carry + x, lambda carry: carry, _summed)
        case AccumulationType.MEAN:
            return _leafwise(_float_zeros, lambda carry, x, _: carry + x, lambda carry: carry / count, _mean)
        case AccumulationType.RUNNING_MEAN:
            return _leafwise(_float_zeros, _moved, lambda carry: carry, _mean)
        case AccumulationType.CONCAT:
            return _leafwise(partial(_rows, count), _placed, joined_batch_axis, lambda values: values)
        case _:
            raise TypeError(f"An accumulator must be an Accumulator or an AccumulationType, got {kind!r}.")


def _leafwise(
    init: Callable[[Any], Array],
    update: Callable[[Array, Array, Any], Array],
    finalize: Callable[[Array], Array],
    aggregate: Callable[[Array], Array],
) -> Accumulator:
    """An accumulator of trees from functions of arrays."""

    def update_tree(carry: Any, result: Any, index: Any) -> Any:
        return jax.tree.map(lambda old, x: update(old, x.astype(old.dtype), index), carry, result)

    init_tree, finalize_tree, aggregate_tree = (partial(jax.tree.map, f) for f in (init, finalize, aggregate))
    return Accumulator(init_tree, update_tree, finalize_tree, aggregate_tree)


def _wide(dtype: Any) -> Any:
    """The dtype of sums: at least float32."""
    return widened(dtype) if jnp.issubdtype(dtype, jnp.inexact) else dtype


def _zeros(x: Any) -> Array:
    return jnp.zeros_like(x, _wide(x.dtype))


def _float_zeros(x: Any) -> Array:
    if not is_inexact(x):
        raise TypeError(f"A mean takes floating-point results, got {x.dtype} of shape {x.shape}.")
    return _zeros(x)


def _moved(carry: Array, x: Array, index: Any) -> Array:
    return interpolate(carry, x, 1 / (jnp.asarray(index).astype(carry.real.dtype) + 1))


def _summed(values: Array) -> Array:
    return jnp.sum(values, 0, _wide(values.dtype))


def _mean(values: Array) -> Array:
    return jnp.mean(values, 0, _wide(values.dtype))


def _rows(count: int, x: Any) -> Array:
    return jnp.broadcast_to(jnp.zeros_like(x), (count, *x.shape))


def _placed(carry: Array, x: Array, index: Any) -> Array:
    return carry.at[index].set(x)

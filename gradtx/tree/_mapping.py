"""Leaf functions, which are plain functions of arrays and numbers, applied to the leaves of trees."""

from collections.abc import Callable, Collection, Hashable, Sequence
from contextlib import nullcontext
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from gradtx.arithmetic import split_alike, split_as
from gradtx.tree._leaves import (
    MaskedNode,
    arithmetic_dtype,
    flatten,
    is_complex,
    is_inexact,
    is_placeholder,
    widened,
)
from gradtx.tree._matching import Matched, at_leaf, match
from gradtx.tree._mismatch import TreeMismatchError

LeafFunction = Callable[..., Any]
LeafProgram = Callable[..., tuple[Any, ...]]


def map_leaves(
    function: LeafFunction,
    updates: Any,
    *,
    state: Sequence[Any] = (),
    numbers: Sequence[Any] = (),
    options: Sequence[Hashable] | None = None,
    same_shape: bool = True,
    optional: Collection[int] = (),
    state_names: Sequence[str] = (),
    **reads: Any,
) -> Any:
    """Applies `function(update, *state, *reads, *numbers)` to every leaf.

    The function returns the new update, followed by the new value of each state array, in order. Arrays and
    numbers reach it in the arithmetic dtype: the widest among the arrays, at least float32. The new update
    stays in this dtype, and each state array is rounded to its storage dtype. On a mesh with explicit axes
    arrays of one shape reach it split as the finest of them is, and results are split as what they replace.

    Non-differentiable leaves (`None`, `MaskedNode`, integers, `float0`) pass through with their state.

    All leaves of one shape share one inner `jax.jit`: they are traced and lowered once, and outside of `jit`
    each leaf is one compiled call.

    Args:
      function: a function of arrays at module level, or a `functools.partial` of one with hashable arguments:
        it is the key of the compiled program.
      updates: the leading tree, whose structure the result has.
      state: trees of arrays that the function replaces.
      numbers: numbers or rank-0 arrays, the same for every leaf.
      options: an option for each leaf of `updates`, as `leaf_options` makes them. `function` then takes an
        option and returns the leaf function, or `None` for a leaf that passes through. The other trees may
        have anything at the place of such a leaf.
      same_shape: whether all arrays at one place must have the same shape.
      optional: the trees of `state`, by position, in which a leaf may lack its array. A `MaskedNode` stands
        in the place of such an array and stays there; the function gets `None`.
      state_names: the name of each tree of `state` in errors.
      **reads: trees of arrays that the function only reads, under the names that errors use.

    Returns:
      The new updates; with `state`, a tuple `(updates, *state)`.

    Raises:
      TreeMismatchError: where the trees do not correspond.
      TypeError: for a function that is not at module level, and would be compiled at every call.
    """
    names = state_names or [f"state[{index}]" for index in range(len(state))]
    others = dict(zip(names, state, strict=True)) | reads
    lacking = [names[index] for index in optional]
    states = len(state)
    programs, (leaves, columns, treedef) = _matched(
        function, updates, states, options, same_shape=same_shape, optional=lacking, **others
    )
    shared = shared_numbers(numbers, among=(leaves, columns))
    rows: list[tuple[Any, ...]] = []
    try:
        for program, arrays in zip(programs, zip(leaves, *columns, strict=True), strict=True):
            rows.append(program(arrays, shared) if program and _takes_part(arrays) else arrays[: 1 + states])
    except TreeMismatchError as error:
        raise at_leaf(updates, len(rows), error) from None
    if not rows:
        return (updates, *state) if state else updates
    results = tuple(treedef.unflatten(column) for column in zip(*rows, strict=True))
    return results if state else results[0]


def _matched(
    function: LeafFunction, updates: Any, states: int, options: Sequence[Hashable] | None, **matching: Any
) -> tuple[list[LeafProgram | None], Matched]:
    """The program of each leaf, `None` for one that passes through, and the trees matched with `updates`."""
    if options is None:
        matched = match(updates, **matching)
        return [_lifted(function, states)] * len(matched.leaves), matched
    leaves, treedef = flatten(updates)
    chosen = {option: function(option) for option in dict.fromkeys(options)}
    lifted = {option: own and _lifted(own, states) for option, own in chosen.items()}
    programs = [lifted[option] for option in options]
    marked = zip(leaves, programs, strict=True)
    moving = treedef.unflatten([leaf if program else MaskedNode() for leaf, program in marked])
    return programs, match(moving, **matching)._replace(leaves=leaves)


def leaf_options(updates: Any, *trees: Any) -> list[tuple[Any, ...]]:
    """For each leaf of `updates` the leaves of `trees` at its place; for a placeholder an empty tuple."""
    leaves, treedef = flatten(updates)
    rows = zip(*map(treedef.flatten_up_to, trees), strict=True)
    return [() if is_placeholder(leaf) else own for leaf, own in zip(leaves, rows, strict=True)]


def as_scalar(value: Any) -> Any:
    """A number that all leaves share as a scalar of the default float dtype; a boolean stays a boolean.

    A concrete number becomes a NumPy scalar, so that nothing is put on a device before it is used.

    Raises:
      ValueError: for an array of more than one number.
    """
    if type(value) is float:  # nearly always
        return _default_float()(value)
    if np.ndim(value) > 0:
        raise ValueError(
            f"A number that all leaves share has the shape {np.shape(value)}. If the optimizer is a stacked "
            "one, call init and update under jax.vmap."
        )
    dtype = jnp.result_type(value)
    if jnp.issubdtype(dtype, jnp.number):
        dtype = jnp.result_type(float)
    if isinstance(value, jax.Array):
        return value if value.dtype == dtype and not value.weak_type else value.astype(dtype)
    return np.asarray(value, dtype)[()]


def is_traced(*trees: Any) -> bool:
    """Whether a leaf of `trees` is a tracer."""
    for leaf in jax.tree.leaves(trees):  # noqa: SIM110 - a generator is a Python call for each leaf
        if isinstance(leaf, Tracer):
            return True
    return False


def shared_numbers(numbers: Sequence[Any], among: Any) -> tuple[Any, ...]:
    """`numbers` as scalars that are computed once a step, for leaf functions of the arrays in `among`.

    XLA on CPU would compute a traced number, such as the cosine of a schedule or the sum of a norm, again in
    the loop of every leaf. It computes an element of a vector of several numbers, after an optimization
    barrier, once. A concrete number stays a constant for the compiler to fold; one array for all leaves is
    traced faster than a number for each leaf.
    """
    as_float = _default_float()
    scalars: list[Any] = [as_float(x) if type(x) is float else as_scalar(x) for x in numbers]
    if not is_traced(scalars, among):
        return tuple(scalars)
    traced = {i: x for i, x in enumerate(scalars) if isinstance(x, Tracer) and is_inexact(x)}
    arrays = [x if isinstance(x, jax.Array) else jax.lax.full((), x) for x in scalars]
    if traced:
        vector = jnp.stack([*traced.values(), jnp.zeros((), float)])
        *computed, _ = jax.lax.optimization_barrier(vector)
        for index, number in zip(traced, computed, strict=True):
            arrays[index] = number
    return tuple(arrays)


def _default_float() -> type[np.generic]:
    return _float_with_x64(jax.config.jax_enable_x64)  # pyright: ignore[reportAttributeAccessIssue]


@lru_cache
def _float_with_x64(x64: bool) -> type[np.generic]:
    return jnp.result_type(float).type


def _takes_part(arrays: tuple[Any, ...]) -> bool:
    """Whether the update and all arrays at its place are real or complex floating-point ones."""
    return is_inexact(arrays[0]) and all(map(is_inexact, jax.tree.leaves(arrays[1:])))


def _lifted(function: LeafFunction, states: int) -> LeafProgram:
    """`function` compiled for one leaf, with its casts; `states` is the number of state arrays."""
    if isinstance(function, partial):
        return _compiled(function.func, function.args, tuple(sorted(function.keywords.items())), states)
    return _compiled(function, (), (), states)


@lru_cache(maxsize=4096)
def _compiled(
    function: LeafFunction, args: tuple[Any, ...], keywords: tuple[tuple[str, Any], ...], states: int
) -> LeafProgram:
    if "<" in getattr(function, "__qualname__", ""):  # in <locals>, or a <lambda>
        raise TypeError(
            f"The leaf function {function.__qualname__} is made anew at every call, and would be compiled at "
            "every call. Define it at module level, and give it its options with functools.partial."
        )
    applied = partial(function, *args, **dict(keywords))

    def lifted(arrays: tuple[Any, ...], numbers: tuple[Any, ...]) -> tuple[Any, ...]:
        arrays = tuple(None if is_placeholder(array) else jnp.asarray(array) for array in arrays)
        dtypes = [array.dtype for array in arrays if array is not None]
        precision = arithmetic_dtype(*dtypes)
        wide = [None if x is None else x.astype(widened(x.dtype, precision)) for x in split_alike(arrays)]
        scalars = [_in_precision(number, precision) for number in numbers]
        mixed = any(map(is_complex, dtypes))
        # Strict promotion refuses arithmetic of a complex leaf with real statistics of its own precision.
        with jax.numpy_dtype_promotion("standard") if mixed else nullcontext():
            results = applied(*wide, *scalars)
        update, *state = results if states else (results,)
        stored = zip(state, arrays[1 : 1 + states], strict=True)
        update = split_as(arrays[0], update) if update.shape == arrays[0].shape else update
        return (update, *(_stored(new, old, arrays[0].shape) for new, old in stored))

    lifted.__name__ = getattr(function, "__name__", "leaf")
    return jax.jit(lifted)


def _stored(new: jax.Array, old: jax.Array | None, shape: tuple[int, ...]) -> Any:
    """The new value of a state array in its storage dtype, or a `MaskedNode` for one that the leaf lacks.

    A finite number above the largest one of the storage dtype is stored as that.
    """
    if old is None:
        return MaskedNode()
    if new.shape != old.shape:
        raise TreeMismatchError(
            f"an update of shape {shape} changes a state of shape {old.shape} to the shape {new.shape}"
        )
    largest = float(jnp.finfo(old.dtype).max)
    if largest < float(jnp.finfo(new.dtype).max) and not is_complex(new.dtype):
        new = jnp.where(jnp.isinf(new), new, jnp.clip(new, -largest, largest))
    return split_as(old, new.astype(old.dtype))


def _in_precision(scalar: Any, precision: Any) -> Any:
    return scalar.astype(precision) if jnp.issubdtype(scalar.dtype, jnp.floating) else scalar

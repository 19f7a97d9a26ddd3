"""One compiled program for a function of a value that is called outside of `jit`."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from gradtx.core._contents import leaf_key
from gradtx.core._value import Value
from gradtx.tree import is_traced


def call(function: Callable[..., Any], value: Value, *args: Any) -> Any:
    """`function(value, *args)` as one compiled call; under a trace, a plain call.

    The concrete numbers in `value` are constants of the program, so that a complement is computed in double
    precision. The arrays in `value` are arguments, so that another array is the same program. A boolean, a
    string or `None` in the result is an option: it stays a Python value, and must depend on `value` alone.

    Args:
      function: a function at module level.
      value: a value, such as a transformation or a schedule.
      *args: trees of arrays.
    """
    if is_traced(args):
        return function(value, *args)
    prepared = value.__dict__.setdefault("_programs", {})  # not a field: absent from pickles and copies
    if function not in prepared:
        prepared[function] = _prepared(function, value)
    program, arrays = prepared[function]
    return function(value, *args) if program is None else program(arrays, args)


def _prepared(function: Callable[..., Any], value: Value) -> tuple[Callable[..., Any] | None, list[Any]]:
    """The program for `function` of `value`, or `None` if `value` is traced, and the arrays in `value`."""
    leaves, treedef = jax.tree.flatten(value)
    if is_traced(leaves):
        return None, []
    arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
    constants = tuple(None if isinstance(leaf, jax.Array) else _Constant(leaf) for leaf in leaves)
    return _program(function, treedef, constants), arrays


class _Constant:
    """A number as a constant of a program, compared bitwise."""

    def __init__(self, value: Any):
        self.value = value
        self._key = leaf_key(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Constant) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=1024)
def _program(function: Callable[..., Any], treedef: Any, constants: tuple[Any, ...]) -> Callable[..., Any]:
    structure: Any = None
    options: list[Any] = []  # for each leaf of the result its option, or `None` for an array

    def traced(arrays: list[Any], args: tuple[Any, ...]) -> list[Any]:
        nonlocal structure, options
        given = iter(arrays)
        value = treedef.unflatten([next(given) if c is None else c.value for c in constants])
        results, structure = jax.tree.flatten(function(value, *args), is_leaf=lambda leaf: leaf is None)
        options = [_Constant(leaf) if isinstance(leaf, OPTION) else None for leaf in results]
        # A Python number would come out weakly typed, and would be converted once more in every update.
        numbers = (leaf for leaf, option in zip(results, options, strict=True) if option is None)
        return [jnp.asarray(number, jnp.result_type(number)) for number in numbers]

    traced.__name__ = getattr(function, "__name__", "call")
    compiled = jax.jit(traced)

    def program(arrays: list[Any], args: tuple[Any, ...]) -> Any:
        numbers = iter(compiled(arrays, args))
        return structure.unflatten([next(numbers) if o is None else o.value for o in options])

    return program


OPTION = (bool, str, type(None))
"""The types of the options in the result of a function that `call` compiles."""

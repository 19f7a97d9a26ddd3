"""Checks of numbers that are no fields: arguments of functions, and entries of tuples."""

import operator
from collections.abc import Iterable
from types import NoneType
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from gradtx.core import is_unvalidated

_RELATIONS = {"above": operator.gt, "at least": operator.ge}


def require(function: str, relation: str, bound: float, **numbers: Any) -> None:
    """Checks that each of `numbers`, passed under the name of its argument, is one number within the bound.

    Tracers pass: under `jax.vmap` the numbers are not known yet.

    Raises:
      TypeError: for an argument that is not one number.
      ValueError: for a number outside of the bound.
    """
    for name, number in numbers.items():
        if not is_concrete(number):
            continue
        if isinstance(number, str | bytes | bool | NoneType) or np.ndim(number) > 0 or callable(number):
            raise TypeError(f"{function}: {name} must be one number, got {number!r}.")
        if not _RELATIONS[relation](number, bound):
            raise ValueError(f"{function}: {name} must be {relation} {bound:g}, got {number!r}.")


def require_choice(function: str, name: str, value: Any, choices: Iterable[str]) -> None:
    """Checks that the argument `name` is one of the choices.

    Raises:
      ValueError: where it is not, with the choices.
    """
    choices = tuple(choices)
    if value not in choices:
        listed = ", ".join(map(repr, choices))
        raise ValueError(f"{function}: {name} must be one of {listed}, got {value!r}.")


def as_number(function: str, name: str, value: Any) -> Any:
    """A number of at least 0 as a float, or as a traced array of floats."""
    require(function, "at least", 0, **{name: value})
    if is_concrete(value):
        return float(value)
    is_integer = isinstance(value, Array) and jnp.issubdtype(value.dtype, jnp.integer)
    return value.astype(float) if is_integer else value


def is_concrete(*numbers: Any) -> bool:
    """Whether all numbers are known and to be validated: none is a tracer, or comes from a state."""
    return not is_unvalidated() and not any(isinstance(number, Tracer) for number in numbers)

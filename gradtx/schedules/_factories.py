"""The arguments of a function that makes an optimizer, and the hyperparameters among them."""

import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter, Signature
from typing import Any, get_args

import jax
import numpy as np

from gradtx.core import Schedule, refuse_unknown
from gradtx.tree import spelled

Factory = Callable[..., Any]
"""A function, or a class, that makes an optimizer."""


def signature(factory: Factory) -> Signature:
    """The signature, with annotations that are strings evaluated if possible."""
    try:
        return inspect.signature(factory, eval_str=True)
    except (NameError, AttributeError):  # a type that is imported for type checkers alone
        return inspect.signature(factory)


def takes(factory: Factory, name: str) -> bool:
    """Whether there is an argument of this name."""
    parameters = signature(factory).parameters
    return name in parameters or any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())


def arguments(factory: Factory, args: Any, kwargs: Any) -> Iterator[tuple[str, Parameter, Any]]:
    """Every argument of a call, and every default: its name, its parameter in the signature, and its value.

    Raises:
      TypeError: for a keyword that the factory has not.
      ValueError: where one has no name.
    """
    refuse_unknown(factory, kwargs, spelled(factory))
    bound = signature(factory).bind(*args, **kwargs)
    bound.apply_defaults()
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if parameter.kind is Parameter.VAR_KEYWORD:
            for own_name, own_value in value.items():
                yield own_name, parameter, own_value
        elif parameter.kind not in (Parameter.VAR_POSITIONAL, Parameter.POSITIONAL_ONLY):
            yield name, parameter, value
        elif parameter.kind is Parameter.POSITIONAL_ONLY or value:
            raise ValueError(
                f"inject_hyperparams: {spelled(factory)} takes {parameter} without a name. Wrap it in a "
                "function that names its hyperparameters."
            )


def is_hyperparameter(parameter: Parameter, value: Any) -> bool:
    """Whether an argument is a number or a schedule, rather than structure.

    Its annotation decides: one that includes `float` marks a hyperparameter, and any other one structure.
    Without an annotation numbers and functions are hyperparameters; among `**kwargs: Any`, numbers and
    schedules.
    """
    kind = parameter.annotation
    if kind is Any and parameter.kind is Parameter.VAR_KEYWORD:
        return is_number(value) or isinstance(value, Schedule)
    may_be = kind is Parameter.empty or isinstance(kind, str) or float in (kind, *get_args(kind))
    return may_be and (is_number(value) or (callable(value) and not isinstance(value, type)))


def is_number(value: Any) -> bool:
    """Whether `value` is a number or an array of them, and no boolean."""
    kinds = int | float | np.generic | np.ndarray | jax.Array
    return isinstance(value, kinds) and not isinstance(value, bool | np.bool_)

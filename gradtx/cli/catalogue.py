"""The optimizers of the library by name, for the commands."""

import inspect
from collections.abc import Callable
from typing import Any

import gradtx
from gradtx.cli.step import PROVIDED
from gradtx.practice import rates_of
from gradtx.tree import did_you_mean

OptimizerFactory = Callable[..., gradtx.GradientTransformation]


def all_optimizers() -> dict[str, OptimizerFactory]:
    """The functions of `gradtx.optimizers` by name."""
    return {name: getattr(gradtx.optimizers, name) for name in sorted(gradtx.optimizers.__all__)}


def known_optimizers() -> dict[str, OptimizerFactory]:
    """Those that require a learning rate alone: `train` can train with them."""
    return {name: value for name, value in all_optimizers().items() if _takes_a_rate_alone(value)}


def find_any(name: str) -> OptimizerFactory:
    """The optimizer of this name.

    Raises:
      ValueError: for an unknown name, with the nearest ones.
    """
    return _found(name, all_optimizers())


def find_optimizer(name: str) -> OptimizerFactory:
    """The optimizer of this name, for a training.

    Raises:
      ValueError: for an unknown name, with the nearest ones; for an optimizer that needs an argument that
        this training does not pass.
    """
    factory = _found(name, known_optimizers())
    if missing := factory(1.0).needs - PROVIDED:
        raise ValueError(f"{name} needs {', '.join(sorted(missing))}, which this training does not pass")
    return factory


def _found(name: str, known: dict[str, OptimizerFactory]) -> OptimizerFactory:
    if name not in known:
        advice = did_you_mean(name, known) or f" There are {', '.join(known)}."
        raise ValueError(f"no optimizer is named {name!r}.{advice}")
    return known[name]


def takes_weight_decay(factory: OptimizerFactory) -> bool:
    """Whether this optimizer has a parameter `weight_decay`."""
    return "weight_decay" in inspect.signature(factory).parameters


def takes_schedule(factory: OptimizerFactory) -> bool:
    """Whether the learning rate of this optimizer may be a schedule."""
    return inspect.signature(factory).parameters["learning_rate"].annotation is not float


def own_learning_rate(factory: OptimizerFactory) -> float | None:
    """The default learning rate of the optimizer, if it has one."""
    default = inspect.signature(factory).parameters["learning_rate"].default
    return default if isinstance(default, float) else None


def rate_problem(factory: OptimizerFactory) -> str:
    """The reason why a range test finds no rate for this optimizer; empty without one."""
    try:
        rates_of(factory(1.0))
    except ValueError as error:
        return str(error).partition(": ")[2]
    return ""


def _takes_a_rate_alone(value: Any) -> bool:
    if not callable(value):
        return False
    first, *others = inspect.signature(value).parameters.values()
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return first.name == "learning_rate" and not any(
        other.default is inspect.Parameter.empty and other.kind not in variadic for other in others
    )

"""Lifting: a transformation from two functions, or from an object of another library."""

import inspect
from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

from gradtx.core._annotations import OptState, Params, Updates
from gradtx.core._fields import static
from gradtx.core._schedule import Schedule
from gradtx.core._transformation import GradientTransformation
from gradtx.tree import narrowed, nodes, outline, spelled


class _from_functions(GradientTransformation, check=None):
    """A transformation from two functions, which are parts of its tree structure."""

    init_fn: Callable[[Params], OptState] = static()
    update_fn: Callable[..., tuple[Updates, OptState]] = static()

    opaque = True

    def __init__(
        self, init: Callable[[Params], OptState], update: Callable[..., tuple[Updates, OptState]]
    ) -> None:
        for function in (init, update):
            if not callable(function):
                raise TypeError(
                    f"GradientTransformation(init, update) takes two functions, got {outline(function)}."
                )
        self.__dict__.update(init_fn=init, update_fn=update)
        self.__post_init__()

    def init(self, params: Params) -> OptState:
        return self.init_fn(params)

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        if params is not None:  # the functions may keep their state in the precision of the updates
            updates = narrowed(updates, updates, params)
        return self.update_fn(updates, state, params, **_taken(self.update_fn, extra))

    def hyperparameters_at(self, state: OptState) -> dict[str, Any]:
        """The numbers in the states of `optax.inject_hyperparams`, as no others can be read."""
        injected = [node.hyperparams for _, node in nodes(state) if hasattr(node, "hyperparams")]
        return {name: value for held in injected for name, value in held.items()}

    def update_sign(self) -> int:
        return 0  # the functions may do anything

    def expression(self) -> str:
        return f"GradientTransformation({spelled(self.init_fn)}, {spelled(self.update_fn)})"


GradientTransformation._lifted = _from_functions


def _taken(function: Callable[..., Any], extra: dict[str, Any]) -> dict[str, Any]:
    """The extra arguments that the signature of `function` names after updates, state and parameters."""
    by_name = list(signature(function).parameters.values())[3:]
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in by_name):
        return extra
    names = {parameter.name for parameter in by_name}
    return {name: value for name, value in extra.items() if name in names}


def as_transformation(tx: Any) -> GradientTransformation:
    """`tx` as a transformation; an object of another library with `.init` and `.update` is lifted.

    Args:
      tx: a transformation, or an object with `.init` and `.update`, such as an Optax transformation.

    Raises:
      TypeError: for anything else.
    """
    if isinstance(tx, GradientTransformation):
        return tx
    is_class = inspect.isclass(tx)
    if not is_class and callable(getattr(tx, "init", None)) and callable(getattr(tx, "update", None)):
        return GradientTransformation(tx.init, tx.update)
    hint = ""
    if isinstance(tx, list | tuple):
        hint = " Unpack it: chain(*transformations)."
    elif isinstance(tx, int | float | Schedule):
        hint = " A number or a schedule is the argument of one, as in scale_by_learning_rate(...)."
    elif callable(tx):
        hint = f" Call it: {getattr(tx, '__name__', 'f')}(...)."
    raise TypeError(f"Expected a transformation, with .init and .update, got {outline(tx)}.{hint}")


GradientTransformationExtraArgs = GradientTransformation
with_extra_args_support = as_transformation

"""Every parameter of every public callable is documented, once, and the text reaches the docstring."""

import inspect
from enum import Enum
from typing import Any

import pytest

import gradtx
import gradtx.practice
from gradtx import chain, scale_by_adam, scale_by_learning_rate
from gradtx.core import args_of, document

PUBLIC = {name: getattr(gradtx, name) for name in gradtx.__all__} | {
    f"{package}.{name}": getattr(getattr(gradtx, package), name)
    for package in ("tree", "selection", "losses", "microbatching", "numerics", "practice", "projections")
    for name in getattr(gradtx, package).__all__
}
CALLABLES = {
    name: value
    for name, value in PUBLIC.items()
    if inspect.isfunction(value)
    or (inspect.isclass(value) and value is not Any and not issubclass(value, tuple | Exception | Enum))
}


def parameters(value: Any) -> list[str]:
    """The names of the parameters that a user passes; those of a protocol are `*args` and `**kwargs`."""
    names = list(inspect.signature(value).parameters)
    return [] if names == ["args", "kwargs"] else [name for name in names if name != "self"]


@pytest.mark.parametrize("name", CALLABLES)
def test_every_parameter_is_documented(name: str) -> None:
    value = CALLABLES[name]
    documented = args_of(value.__doc__ or "")
    missing = [parameter for parameter in parameters(value) if not documented.get(parameter)]
    assert not missing, f"{name}: document {', '.join(missing)}"


def test_the_texts_of_fields_state_kind_bounds_and_default() -> None:
    texts = args_of(gradtx.scale_by_adam.__doc__)
    assert texts["b1"].endswith("(a number or a schedule, at least 0 and below 1; default 0.9).")
    assert texts["nesterov"].endswith("(a boolean; default False).")


def inherits(learning_rate: float, b1: float = 0.5) -> Any:
    """Passes its arguments on.

    Args:
      learning_rate: its own text.

    **Reference**: none.
    """
    return chain(scale_by_adam(b1), scale_by_learning_rate(learning_rate))


def test_a_function_inherits_texts_by_name_with_its_own_defaults() -> None:
    document(inherits)
    texts = args_of(inherits.__doc__ or "")
    assert list(texts) == ["learning_rate", "b1"]
    assert texts["learning_rate"] == "its own text."
    assert texts["b1"].endswith("at least 0 and below 1; default 0.5).")
    assert (inherits.__doc__ or "").index("Args:") < (inherits.__doc__ or "").index("**Reference**")

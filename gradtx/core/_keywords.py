"""The names of keywords, checked before a call. The error for an unknown one has those that may be meant."""

import inspect
from collections.abc import Callable, Collection
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

from gradtx.tree import OTHER_WORDS, did_you_mean, folded, listed, nearest

P = ParamSpec("P")
R = TypeVar("R")

_CHECKED: list[Callable[..., Any]] = []
"""The functions with `checks_keywords`."""


def checks_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, which refuses unknown keywords and surplus arguments by name before it is called."""
    _CHECKED.append(function)

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        refuse_unknown(function, kwargs)
        _refuse_surplus(function, args)
        return function(*args, **kwargs)

    return checked


def refuse_unknown(called: Callable[..., Any], given: Collection[str], name: str = "") -> None:
    """Raises for a keyword in `given` that `called`, a function or a class, has not.

    Args:
      called: the function or the class.
      given: the names of the keywords.
      name: the name of `called` in the message; by default its own.

    Raises:
      TypeError: with the names for which the keyword may stand, or with those that there are.
    """
    known = _names_of(called)
    for word in given:
        if known is not None and word not in known:
            name = name or called.__name__
            raise TypeError(f"{name} has no argument {word!r}.{_advice(name, word, known)}")


def _refuse_surplus(function: Callable[..., Any], given: Collection[Any]) -> None:
    """Raises for more arguments than `function` takes by position, with the names of all."""
    places, by_name = _places_of(function)
    if len(given) > len(places):
        own = [name for name in places if name != "self"]
        raise TypeError(
            f"{function.__qualname__.removesuffix('.__call__')} takes {len(own)} arguments by position, "
            f"{listed(own, most=12)}, got {len(given) - len(places) + len(own)}. By name it takes "
            f"{listed(by_name) or 'no other'}."
        )


@cache
def _places_of(function: Callable[..., Any]) -> tuple[list[str], list[str]]:
    """The names of the arguments that a function takes by position, and by name alone."""
    parameters = inspect.signature(function).parameters.values()
    by_name = [own.name for own in parameters if own.kind is inspect.Parameter.KEYWORD_ONLY]
    places = [own.name for own in parameters if own.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    return places, by_name


@cache
def _names_of(called: Callable[..., Any]) -> dict[str, Any] | None:
    """The names of the keywords of a function or a class, in order; `None` for one that takes any."""
    parameters = inspect.signature(called).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    return {name: own for name, own in parameters.items() if own.kind not in positional}


def _advice(name: str, word: str, known: Collection[str]) -> str:
    """The arguments for which `word` may stand, or the functions or transformations that serve instead."""
    if question := did_you_mean(word, known):
        return question
    others = [other.__name__ for other in _CHECKED if word in (_names_of(other) or ())]
    there = f" It has {listed(known, most=12)}." if known else " It takes its arguments by position."
    if variants := nearest(name, others):
        return f" It is an argument of {listed(variants)}.{there}"
    if elsewhere := [one for one in OTHER_WORDS.get(folded(word), ()) if one not in known]:
        return f" Put {elsewhere[-1]} into a chain instead.{there}"
    return there

"""The `Args` sections of docstrings, generated from the texts of fields."""

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from gradtx.tree import spelled

_SECTIONS = re.compile(r"^ *(\*\*(State|Raises|Reference)\*\*|Returns:|Raises:|>>> )", re.MULTILINE)
_WIDTH = 110


def with_args(doc: str, texts: dict[str, str]) -> str:
    """A docstring with an `Args` entry for each of `texts`, in their order.

    An entry that the docstring already has replaces the text of its name.
    """
    doc = inspect.cleandoc(doc)
    written = args_of(doc)
    entries = {name: written.get(name, text) for name, text in texts.items()} | written
    if not entries:
        return doc
    doc = _without_args(doc)
    args = "Args:\n" + "\n".join(_entry(name, text) for name, text in entries.items())
    place = found.start() if (found := _SECTIONS.search(doc)) else len(doc)
    return "\n\n".join(part for part in (doc[:place].rstrip(), args, doc[place:].strip()) if part) + "\n"


def args_of(doc: str) -> dict[str, str]:
    """The entries of the `Args` section of a docstring, by name."""
    found = _args_section(inspect.cleandoc(doc))
    entries = re.split(r"\n(?=  \S)", found[1].rstrip()) if found else []
    pairs = (entry.strip().partition(": ") for entry in entries)
    return {name.lstrip("*"): " ".join(text.split()) for name, _, text in pairs}


def field_texts(cls: type[Any]) -> dict[str, str]:
    """For each field with a text, the text with the kind of the argument and its bounds."""
    return {field.name: _described(cls, field) for field in cls._fields if field.metadata.get("doc")}


def with_defaults(texts: dict[str, str], signature: inspect.Signature) -> dict[str, str]:
    """The texts of the parameters of a signature, in its order and with its defaults."""
    parameters = {name: parameter for name, parameter in signature.parameters.items() if name in texts}
    return {name: _with_fact(texts[name], _default(own.default)) for name, own in parameters.items()}


def document(function: Callable[..., Any]) -> None:
    """Completes the `Args` of a function with those of the classes and functions that it calls, by name."""
    inherited: dict[str, str] = {}
    for called in _called(function, []):
        texts = field_texts(called) if inspect.isclass(called) else args_of(called.__doc__ or "")
        inherited = {name: _without_default(text) for name, text in texts.items()} | inherited
    signature, written = inspect.signature(function), args_of(function.__doc__ or "")
    found = {
        name: inherited[name] for name in signature.parameters if name in inherited and name not in written
    }
    texts = with_defaults(found, signature) | written
    ordered = {name: texts[name] for name in signature.parameters if name in texts}
    function.__doc__ = with_args(function.__doc__ or "", ordered)


_NONE = inspect.Parameter.empty
_DEFAULT = re.compile(r"(; | \()default [^()]*(\([^()]*\))?[^()]*\)\.$")


def _default(value: Any) -> str:
    return "" if value is _NONE else f"default {spelled(value)}"


def _without_default(text: str) -> str:
    return _DEFAULT.sub(lambda found: ")." if found[1] == "; " else ".", text)


def _with_fact(text: str, fact: str) -> str:
    """`text` with one more fact in parentheses at its end."""
    if not fact:
        return text
    text = text.rstrip(".")
    return f"{text[:-1]}; {fact})." if text.endswith(")") else f"{text} ({fact})."


def _called(function: Callable[..., Any], seen: list[Any]) -> Iterator[Any]:
    """The classes of values and the functions of gradtx in the body of a function, in order."""
    seen.append(function)
    function = inspect.unwrap(function)
    for name in function.__code__.co_names:
        called = function.__globals__.get(name)
        if inspect.isclass(called) and hasattr(called, "hyperparameters"):
            yield called
        elif inspect.isfunction(called) and called.__module__.startswith("gradtx.") and called not in seen:
            yield called
            yield from _called(called, seen)


def _described(cls: type[Any], field: dataclasses.Field[Any]) -> str:
    facts = (field.metadata.get("kind", cls._numbers), field.metadata.get("allowed", ""))
    return _with_fact(f"{field.metadata['doc'].rstrip('.')}.", ", ".join(fact for fact in facts if fact))


def _entry(name: str, text: str) -> str:
    return textwrap.fill(
        f"{name}: {text}",
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _args_section(doc: str) -> re.Match[str] | None:
    return re.search(r"^Args:\n((?:  .*\n?|\n(?=  ))+)", doc, re.MULTILINE)


def _without_args(doc: str) -> str:
    found = _args_section(doc)
    return doc if found is None else f"{doc[: found.start()].rstrip()}\n\n{doc[found.end() :].lstrip()}"

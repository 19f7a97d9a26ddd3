"""Every public name of Optax and of its head, its place in gradtx, and how the parameters of both differ."""

import inspect
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import optax
import optax.contrib
import optax.experimental

import gradtx
from gradtx.interop import LEFT_OUT

MODULES = (
    "",
    "contrib",
    "losses",
    "microbatching",
    "projections",
    "schedules",
    "transforms",
    "tree",
    "tree_utils",
)
"""The modules of Optax from which scripts import names; `""` is Optax itself."""

HEAD = Path(__file__).with_name("optax_head.txt")
"""The names that Optax's head has beyond the release, and new parameters of others."""


class Name(NamedTuple):
    """A public name of Optax."""

    module: str
    name: str
    theirs: Any
    """`None` for a name of the head alone."""
    ours: Any
    """The same name of gradtx, or `None`."""

    @property
    def full(self) -> str:
        return f"{self.module}.{self.name}".lstrip(".")

    @property
    def reason(self) -> str | None:
        """Why gradtx leaves the name out."""
        return LEFT_OUT.get(self.full) or LEFT_OUT.get(self.full.partition(".")[0])


def head() -> dict[str, list[str]]:
    """The names of the head that the release lacks, or that have new parameters there, with these."""
    lines = [line.split() for line in HEAD.read_text().splitlines() if not line.startswith("#")]
    return {full: parameters for full, *parameters in lines}


def found(library: ModuleType, full: str) -> Any:
    """What bears the name in a library, or `None`."""
    return reduce(lambda value, name: getattr(value, name, None), full.split("."), library)


def optax_names() -> Iterator[Name]:
    """The names of Optax and of its public modules, and those modules that gradtx leaves out."""
    for full in (full for full, new_parameters in head().items() if not new_parameters):
        module, _, name = full.rpartition(".")
        yield Name(module, name, None, found(gradtx, full))
    for module in MODULES:
        theirs, ours = (_module(library, module) for library in (optax, gradtx))
        for name in sorted(_public(theirs)):
            yield Name(module, name, getattr(theirs, name), getattr(ours, name, None))
    for name, value in sorted(vars(optax).items()):
        if isinstance(value, ModuleType) and not name.startswith("_") and name not in MODULES:
            yield Name("", name, value, getattr(gradtx, name, None))


def _module(library: ModuleType, name: str) -> Any:
    return getattr(library, name, None) if name else library


def _public(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if not name.startswith("_") and not inspect.ismodule(value):
            yield name


class Parameter(NamedTuple):
    """A parameter of a function, `*` or `**` for a variable one."""

    name: str
    default: Any
    by_name: bool
    """Whether it is given by its name alone, so that its place means nothing."""


def parameters(called: Any) -> list[Parameter] | None:
    """The parameters of a function; `None` for no callable."""
    if not callable(called):
        return None
    try:
        found = inspect.signature(called).parameters.values()
    except (TypeError, ValueError):
        return None
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [
        Parameter(stars.get(one.kind, one.name), one.default, one.kind is inspect.Parameter.KEYWORD_ONLY)
        for one in found
    ]


def different(name: Name) -> list[str]:
    """The parameters of Optax's that ours lack, have in another place, or have with another default."""
    theirs, ours = parameters(name.theirs), parameters(name.ours)
    named = {one.name: one for one in ours or ()}
    if not theirs or ours is None or {"*", "**"} <= named.keys():
        return []
    none = Parameter("", None, False)
    at_place = [*ours, *[none] * len(theirs)]
    twins = [named.get(one.name, none) if one.by_name else at_place[i] for i, one in enumerate(theirs)]
    return [str(one.name) for one, other in zip(theirs, twins, strict=True) if not _same(one, other)]


def _same(one: Parameter, other: Parameter) -> bool:
    """Whether two parameters have one name and one default; functions and members of enumerations by name."""
    both = {getattr(value, "__name__", repr(value)) for value in (one.default, other.default)}
    return one.name == other.name and (one.default == other.default or len(both) == 1)

"""Every public name of Optax, its place in gradtx, and how the parameters of both differ."""

import inspect
from collections.abc import Iterator
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


class Name(NamedTuple):
    """A public name of Optax."""

    module: str
    name: str
    theirs: Any
    ours: Any
    """The same name of gradtx, or `None`."""

    @property
    def full(self) -> str:
        return f"{self.module}.{self.name}".lstrip(".")

    @property
    def reason(self) -> str | None:
        """Why gradtx leaves the name out."""
        return LEFT_OUT.get(self.full) or LEFT_OUT.get(self.full.partition(".")[0])


def optax_names() -> Iterator[Name]:
    """The names of Optax and of its public modules, and those modules that gradtx leaves out."""
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


def parameters(called: Any) -> list[tuple[str, Any]] | None:
    """The names and defaults of the parameters, `*` and `**` for variable ones; `None` for no callable."""
    if not callable(called):
        return None
    try:
        found = inspect.signature(called).parameters.values()
    except (TypeError, ValueError):
        return None
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [(stars.get(one.kind, one.name), one.default) for one in found]


def different(name: Name) -> list[str]:
    """The parameters of Optax's that ours lack, have in another place, or have with another default."""
    theirs, ours = parameters(name.theirs), parameters(name.ours)
    if not theirs or ours is None or {"*", "**"} <= {one for one, _ in ours}:
        return []
    pairs = zip(theirs, [*ours, *[("", None)] * len(theirs)], strict=False)
    return [str(one) for one, other in pairs if not _same(one, other)]


def _same(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    """Whether two parameters have one name and one default; functions and members of enumerations by name."""
    (name, default), (other_name, other_default) = one, other
    both = {getattr(value, "__name__", repr(value)) for value in (default, other_default)}
    return name == other_name and (default == other_default or len(both) == 1)

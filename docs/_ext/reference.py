"""The reference: a page for each package, a section for each of its files, an entry for each public name.

Docstrings are Markdown already; what is left to do is to fence the doctests, to turn the sections with
arguments and errors into lists, and to link the public names that they mention.
"""

import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Container, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.inspect import signature, stringify_signature

import gradtx
from gradtx.cli.facts import equations_of, example

PACKAGES = ["core", "rules", "schedules", "searches", "wrappers", "optimizers", "selection", "tree"]
"""In the order in which one learns them; those that come later are added at the end."""

FENCE = "`````"

HOMES: dict[tuple[str, str], str] = {}
"""The module that defines each public name, by the path of its package and its name."""


def write_pages(app: Sphinx) -> None:
    """Writes `reference/*.md`, leaving a file alone that would not change."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    packages = list(public_packages())
    names = [package.__name__.rpartition(".")[2] for package in packages]
    pages = {name: page(package) for name, package in zip(names, packages, strict=True)}
    pages["index"] = index(names)
    for old in folder.glob("*.md"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def public_packages() -> Iterator[ModuleType]:
    """The packages of gradtx that say in `__all__` what they make public."""
    found = {module.name for module in pkgutil.iter_modules(gradtx.__path__) if module.ispkg} - {"cli"}
    order = [*PACKAGES, *sorted(found - {*PACKAGES})]
    for name in order:
        if name in found:
            package = importlib.import_module(f"gradtx.{name}")
            if getattr(package, "__all__", None):
                yield package


def index(names: list[str]) -> str:
    entries = "\n".join(names)
    return f"# Reference\n\nEvery public name, by package.\n\n```{{toctree}}\n{entries}\n```\n"


def page(package: ModuleType) -> str:
    """The page of a package: its docstring, then its files in their order by name."""
    title = package.__name__.rpartition(".")[2].capitalize()
    parts = [f"# {title}", markdown(package.__doc__ or "")]
    files: dict[str, list[str]] = {}
    for name in package.__all__:
        files.setdefault(home(package, name), []).append(name)
    for file in sorted(files):
        parts += section(package, importlib.import_module(file), files[file])
    return "\n\n".join(parts) + "\n"


def home(package: ModuleType, name: str) -> str:
    """The module in which a name of a package is defined; public classes say `gradtx` of themselves."""
    definition = re.compile(rf"^(class|def) {name}\b|^{name}(: .+)? = |^    {name} = ", re.MULTILINE)
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if definition.search(inspect.getsource(importlib.import_module(module.name))):
            return module.name
    return getattr(package, name).__module__  # of a lower floor


def section(package: ModuleType, module: ModuleType, names: list[str]) -> Iterator[str]:
    """The names of a file, under the first sentence of its docstring."""
    subject, _, rest = (module.__doc__ or "").partition("\n\n")
    title, _, more = " ".join(subject.split()).partition(": ")
    yield f"## {title.rstrip('.')}"
    yield markdown("\n\n".join(filter(None, (more[:1].upper() + more[1:], rest))))
    # What a file defines first is what the others in it belong to, but for the states.
    source = inspect.getsource(module)
    for name in sorted(names, key=lambda name: (is_state(getattr(package, name)), source.find(f" {name}"))):
        yield entry(package, module, name)


def is_state(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, tuple)


def entry(package: ModuleType, module: ModuleType, name: str) -> str:
    """One public name, under the shortest path at which users find it."""
    value = getattr(package, name)
    where = "gradtx" if getattr(gradtx, name, None) is value else package.__name__
    HOMES[where, name] = module.__name__
    if text := attribute_docs(module.__name__).get(("", name)):
        return directive("data", name, where, markdown(text))
    if value.__name__ != name:
        return directive("data", name, where, markdown(f"The same as `{value.__name__}`."))
    kind = "class" if isinstance(value, type) else "function"
    text = markdown(inspect.getdoc(value) or "", own=names_of_parameters(value))
    if package is gradtx.optimizers and "$$" not in text:
        first, _, rest = text.partition("\n\n")
        text = "\n\n".join((first, *equations(value), rest))
    body = [text, *methods(value)]
    # The listing of a file links back to all of its names under one path.
    other = package.__name__ if where == "gradtx" else "gradtx"
    anchor = f'```{{raw}} html\n<span id="{other}.{name}"></span>\n```\n\n'
    return anchor + directive(kind, name + parameters(value), where, "\n\n".join(body))


def equations(optimizer: FunctionType) -> Iterator[str]:
    """The equations of each transformation that an optimizer chains, after its name."""
    for kind, found in equations_of(example(optimizer)).items():
        yield f"{linked(f'`{kind.__name__}`', ())}:"
        yield from (f"$${equation}$$" for equation in found)


def methods(value: Any) -> Iterator[str]:
    """The methods and properties that a class itself documents."""
    for name, member in vars(value).items() if isinstance(value, type) else ():
        inherited = getattr(getattr(super(value, value), name, None), "__doc__", None)
        if name.startswith("_") or getattr(member, "__doc__", None) in (None, inherited):
            continue
        if isinstance(member, property):
            yield directive("property", name, None, markdown(member.__doc__ or ""), FENCE[:-1])
        elif isinstance(member, FunctionType):
            heading = name + parameters(member, bound=True)
            yield directive("method", heading, None, markdown(member.__doc__ or ""), FENCE[:-1])


def parameters(value: Any, *, bound: bool = False) -> str:
    try:
        return stringify_signature(signature(value, bound_method=bound), show_annotation=False)
    except (TypeError, ValueError):
        return "()"


def names_of_parameters(value: Any) -> set[str]:
    try:
        return set(signature(value).parameters)
    except (TypeError, ValueError):
        return set()


def directive(kind: str, heading: str, module: str | None, body: str, fence: str = FENCE) -> str:
    option = f":module: {module}\n" if module else ""
    return f"{fence}{{py:{kind}}} {heading}\n{option}\n{body}\n{fence}"


def attribute_docs(module: str) -> dict[tuple[str, str], str]:
    """The strings below the assignments of a module."""
    docs = ModuleAnalyzer.for_module(module).find_attr_docs()
    return {key: "\n".join(lines) for key, lines in docs.items()}


def markdown(docstring: str, own: Container[str] = ()) -> str:
    """A docstring as MyST; the names in `own` are its object's, and link to nothing."""
    blocks = re.split(r"\n{2,}", inspect.cleandoc(docstring))
    return "\n\n".join(block(text, own) for text in blocks)


def block(text: str, own: Container[str]) -> str:
    """One paragraph of a docstring."""
    if text.startswith(">>> "):
        return f"```pycon\n{text}\n```"
    if text.startswith("    "):
        return f"```python\n{inspect.cleandoc(text)}\n```"
    title, _, rest = text.partition("\n")
    if re.fullmatch(r"[A-Z][a-z ]+:", title) and rest.startswith(" "):
        return f"**{title[:-1]}**\n\n{linked(items(textwrap.dedent(rest)), own)}"
    return linked(text, own)


def items(text: str) -> str:
    """`name: what it is` for each line that is not indented, as a list; plain text stays as it is."""
    entries = re.split(r"\n(?=\S)", text)
    if not all(re.match(r"[*\w, ]+: ", entry) for entry in entries):
        return text
    return "\n".join(re.sub(r"^([*\w, ]+): ", r"- `\1`: ", entry) for entry in entries)


def linked(text: str, own: Container[str]) -> str:
    """Links to the public names that stand in backticks."""

    def link(found: re.Match[str]) -> str:
        name = found[1]
        public = name in gradtx.__all__ or name in (f"tree.{inner}" for inner in gradtx.tree.__all__)
        return f"{{py:obj}}`{name} <gradtx.{name}>`" if public and name not in own else found[0]

    return re.sub(r"(?<!`)`([A-Za-z_][\w.]*)`(?!`)", link, text)


def defined_in(app: Sphinx, where: str, name: str) -> str | None:
    """The module whose source the link of an entry shows."""
    return HOMES.get((where, name.partition(".")[0]))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_pages)
    app.connect("viewcode-follow-imported", defined_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

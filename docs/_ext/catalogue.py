"""The catalogue: every named optimizer with its equation, its chain, the memory of its state and its paper.

All of it is read off the code: the chain is what the optimizer prints, the equations and papers stand in the
docstrings of what it chains, the memory is that of its state for a matrix.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reference import equations, home, linked
from sphinx.application import Sphinx

import gradtx
from gradtx.cli.facts import bytes_of, example, first_paragraph, papers_of

INTRODUCTION = """# Optimizers

Every named optimizer, as the code has it: what it chains, the equations of what is in the chain, and the
bytes that its state takes for each parameter of a float32 matrix of 1024 by 1024. Each of them trains the
model of `python -m gradtx train --optimizer NAME`.
"""


def write_page(app: Sphinx) -> None:
    """Writes `optimizers.md`, leaving it alone where it would not change."""
    path = Path(app.srcdir) / "optimizers.md"
    text = page()
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def page() -> str:
    made = {name: example(getattr(gradtx, name)) for name in gradtx.optimizers.__all__}
    rows = [f"| {row} |" for row in ("optimizer | what it is | bytes | paper", "--- | --- | ---: | ---")]
    for name, tx in made.items():
        link = f"[`{name}`](#{name.replace('_', '-')})"
        rows.append(f"| {link} | {summary(name)} | {round(bytes_of(tx), 3):g} | {papers(name, tx)} |")
    files: dict[str, list[str]] = {}
    for name in made:
        files.setdefault(home(gradtx.optimizers, name), []).append(name)
    parts = [INTRODUCTION, "\n".join(rows)]
    for file in sorted(files):
        parts.append(f"## {(importlib.import_module(file).__doc__ or '').splitlines()[0].rstrip('.')}")
        for name in files[file]:
            parts += section(name, made[name])
    return "\n\n".join(parts) + "\n"


def section(name: str, tx: Any) -> Iterator[str]:
    yield f"### {name}"
    yield linked(first_paragraph(getattr(gradtx, name)), ())
    yield from equations(getattr(gradtx, name))
    yield f"```python\n{tx}\n```"


def summary(name: str) -> str:
    """The first sentence of the docstring, without the name that it begins with."""
    sentence = first_paragraph(getattr(gradtx, name)).split(". ")[0].rstrip(".")
    return linked(sentence.replace("\n", " ").replace("|", "\\|"), ())


def papers(name: str, tx: Any) -> str:
    """Links to the papers that the docstring of the optimizer names, or those of its rules."""
    return ", ".join(
        f"[{number}](https://arxiv.org/abs/{number})" for number in papers_of(getattr(gradtx, name), tx)
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

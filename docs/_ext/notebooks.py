"""The notebooks as pages with the outputs that are committed, and a gallery with a picture of each."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

SOURCE = Path(__file__).parents[2] / "notebooks"
PICTURES = {
    "quickstart": 1,
    "rebuild_adam": 0,
    "race": 0,
    "schedules": 0,
    "find_the_rate": 1,
    "tune_by_gradient": 0,
    "clinic": 0,
    "bad_batches": 1,
    "fine_tuning": 2,
    "low_precision": 0,
}
"""The picture of each notebook that the gallery shows, in the order in which one reads them."""

INTRODUCTION = """# Gallery

Each notebook runs from top to bottom in about two minutes on a CPU, and checks its claims with assertions.
"""


def write_pages(app: Sphinx) -> None:
    """Writes `notebooks/`: a copy of each notebook, the picture of each, and the gallery."""
    folder = Path(app.srcdir) / "notebooks"
    folder.mkdir(exist_ok=True)
    paths = [SOURCE / f"{name}.ipynb" for name in PICTURES]
    if unlisted := {path.stem for path in SOURCE.glob("*.ipynb")} - {*PICTURES}:
        raise LookupError(f"The gallery has no picture of {sorted(unlisted)}; add them to PICTURES.")
    for path in paths:
        # Links of the repository become links of the site.
        _write(folder / path.name, path.read_text().replace("](../docs/", "](../").encode())
        pictures = list(_pictures(json.loads(path.read_text())))
        _write(folder / f"{path.stem}.png", base64.b64decode(pictures[PICTURES[path.stem]]))
    _write(folder / "index.md", gallery(paths).encode())
    for old in folder.glob("*.ipynb"):
        if not (SOURCE / old.name).exists():
            old.unlink()


def adapt(app: Sphinx, name: str, source: list[str]) -> None:
    """Adapts a page: links to notebooks, and examples without the empty line that ends a doctest."""
    source[0] = source[0].replace("](../notebooks/", "](notebooks/").replace("\n\n```\n", "\n```\n")


def gallery(paths: list[Path]) -> str:
    cards = "\n".join(card(path) for path in paths)
    names = "\n".join(path.stem for path in paths)
    grid = f"`````{{grid}} 1 2 2 3\n:gutter: 3\n\n{cards}`````"
    return f"{INTRODUCTION}\n{grid}\n\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"


def card(path: Path) -> str:
    """A card with the title, the picture and the first sentence of a notebook."""
    title, *rest = "".join(json.loads(path.read_text())["cells"][0]["source"]).split("\n\n")
    sentence = re.split(r"(?<=[.?!])\s", rest[0])[0]
    return (
        f"````{{grid-item-card}} {title.lstrip('# ')}\n:link: {path.stem}\n:link-type: doc\n"
        f":img-top: {path.stem}.png\n:img-alt: a figure of the notebook\n\n{sentence}\n````\n"
    )


def _pictures(notebook: dict[str, Any]) -> Iterator[str]:
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            if picture := output.get("data", {}).get("image/png"):
                yield "".join(picture)


def _write(path: Path, content: bytes) -> None:
    """Writes a file, leaving it alone where it would not change, so that its page is not built anew."""
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", write_pages)
    app.connect("source-read", adapt)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

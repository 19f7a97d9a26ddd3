"""Differences from Optax: each number on the page is measured, and no other optimizer differs."""

import inspect
import re
from pathlib import Path
from typing import Any

import optax
import pytest
from optax import contrib

import gradtx
from tests.peers.comparison import disagreement

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"
SHAPES = {"up/kernel": (4, 6), "conv/kernel": (3, 3, 2, 4), "bias": (6,), "embedding": (5, 3)}
NOT_ALONE = {"dpsgd", "lbfgs", "momo", "momo_adam", "noisy_sgd", "optimistic_adam", "polyak_sgd", "sophia"}
"""Optimizers that need a random key, the loss or a function of the parameters, or that warn in Optax."""

CELL = re.compile(r"(?<!\\)\|")


def rows() -> list[tuple[str, float, str | None]]:
    """Each call of the first table, its difference, and the call that agrees with Optax."""
    found: list[tuple[str, float, str | None]] = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in CELL.split(line)[1:-1]]
        if len(cells) == 5 and cells[0].startswith("`"):
            calls, same = (codes(cells[place]) for place in (0, 4))
            found += [(call, float(cells[3]), same[i] if same else None) for i, call in enumerate(calls)]
    return found


def listed(*sections: str) -> set[str]:
    """The names and calls in the first column of the tables, of all or of those below these titles."""
    parts = [part.partition("\n") for part in PAGE.read_text().split("\n## ")[1:]]
    texts = [text for title, _, text in parts if title in sections or not sections]
    cells = [CELL.split(line)[1] for line in "\n".join(texts).splitlines() if line.startswith("| `")]
    return {code for cell in cells for code in codes(cell)}


def listed_names() -> set[str]:
    """The names in the first column of the tables."""
    return {code.partition("(")[0] for code in listed()}


def codes(cell: str) -> list[str]:
    return [code.replace("\\|", "|") for code in re.findall("`([^`]+)`", cell)]


def made(code: str, *libraries: Any) -> Any:
    """The value of a call to one of the libraries."""
    names = {name: getattr(library, name) for library in libraries for name in dir(library)}
    return eval(code, names)


ROWS = rows()


@pytest.mark.parametrize(("call", "difference", "same"), ROWS, ids=[call for call, *_ in ROWS])
def test_the_difference_is_as_stated(call: str, difference: float, same: str | None) -> None:
    theirs = made(call, optax, contrib)
    assert disagreement(made(call, gradtx), theirs, shapes=SHAPES) == pytest.approx(difference, rel=0.1)
    if same is not None:
        theirs = made(same if "eps=0.0" in same else call, optax, contrib)
        assert disagreement(made(same, gradtx), theirs, shapes=SHAPES) < 3e-5


def common() -> list[str]:
    """The optimizers of both libraries that the page does not list."""
    listed = {call.partition("(")[0] for call, *_ in ROWS} | NOT_ALONE
    return [
        name
        for name in gradtx.optimizers.__all__
        if name not in listed and (hasattr(optax, name) or hasattr(contrib, name))
    ]


@pytest.mark.parametrize("name", common())
def test_all_others_agree(name: str) -> None:
    function = getattr(gradtx, name)
    given = "0.1" if "learning_rate" in inspect.signature(function).parameters else ""
    ours, theirs = (made(f"{name}({given})", *each) for each in ((gradtx,), (optax, contrib)))
    assert disagreement(ours, theirs, shapes=SHAPES) < 3e-5

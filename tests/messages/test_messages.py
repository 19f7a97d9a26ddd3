"""Each mistake is answered in few words, on small trees and on large ones."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.messages.answers import answer, parts
from tests.messages.mistakes import GROUPS, Mistake
from tests.messages.models import MODELS, dictionary
from tests.messages.page import PAGE, page

MISTAKES = [mistake for group in GROUPS.values() for mistake in group]
RUNS = [
    pytest.param(mistake, model, id=f"{mistake.title} - {name}")
    for mistake in MISTAKES
    for name, model in MODELS.items()
    if mistake.trees or model is dictionary
]

MOST_LINES = 10
LONGEST_LINE = 200


@pytest.mark.parametrize(("mistake", "model"), RUNS)
def test_a_mistake_has_its_answer(mistake: Mistake, model: Callable[[], Any]) -> None:
    said = answer(mistake, model())
    assert (type(said).__name__ if said else "") == mistake.error
    if not mistake.is_answered:
        return
    lines = str(said).splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= LONGEST_LINE, str(said)
    for part, text in parts(mistake, model()).items():
        assert text, f"{mistake.title} has no {part}"
        assert text in str(said), f"{part} {text!r} is not in: {said}"


def test_the_titles_differ() -> None:
    titles = [mistake.title for mistake in MISTAKES]
    assert len(set(titles)) == len(titles)


@pytest.mark.exhaustive
def test_the_page_is_generated_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.messages.page"

"""The page of mistakes and their answers: `python -m tests.messages.page` writes it."""

from pathlib import Path

from tests.messages.answers import answer
from tests.messages.mistakes import GROUPS, Mistake
from tests.messages.models import dictionary

PAGE = Path(__file__).parents[2] / "docs" / "mistakes.md"

HEAD = """\
# Mistakes

The common mistakes with an optimizer, each with its message. A message has at most ten lines, for a model of
any size, and names the object that came, the one that was expected, the place, and a remedy.

In the examples `tx` is `gradtx.adamw(0.1)`, `state` is `tx.init(params)`, `loss` is a function of the
parameters and `value` its value. `without_first` and `renamed_first` remove and rename the first leaf of a
tree. The messages are those for parameters `b` of shape `(3,)` and `w` of shape `(3, 4)`.

`python -m tests.messages.page` generates this page from the tests.
"""


def page() -> str:
    """The text of the page."""
    sections = [HEAD]
    for title, group in GROUPS.items():
        sections += [f"## {title}\n", *map(entry, group)]
    return "\n".join(sections)


def entry(mistake: Mistake) -> str:
    """A mistake: its title, its code, and the answer."""
    code = f"```python\n{mistake.code}\n```\n"
    if mistake.is_answered:
        said = answer(mistake, dictionary())
        text = f"```text\n{type(said).__name__}: {said}\n```\n"
    else:
        text = f"{'No message: ' if not mistake.error else ''}{mistake.reason}\n"
    return f"**{mistake.title}**\n\n{code}\n{text}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

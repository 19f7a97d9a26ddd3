"""The parts of an optimizer with their reasons."""

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from gradtx.core import (
    GradientTransformation,
    Schedule,
    Table,
    as_transformation,
    chain,
    constant_schedule,
    identity,
    named_chain,
)
from gradtx.practice._reasons import REASONS, Reason
from gradtx.tree import laid_out, spelled

_SEQUENCES = (chain, named_chain, identity)
"""The transformations without a reason of their own."""


class Explained(NamedTuple):
    """A part of an optimizer: its code, its class, how deep it is nested, and its reason."""

    part: str
    kind: type[Any]
    depth: int
    reason: Reason


class Explanation(tuple[Explained, ...]):
    """The parts of an optimizer with their reasons, as `explain` makes it; it prints as a list.

    `table()` has the same as a table, which a notebook shows.
    """

    __slots__ = ()

    def table(self) -> Table:
        """A row for each part."""
        rows = [("  " * own.depth + own.part, *own.reason) for own in self]
        return Table(("part", "reason", "typical range", "try first", "source"), rows)

    def __repr__(self) -> str:
        return "\n\n".join(map(_printed, self))

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def explain(tx: Any) -> Explanation:
    """The reason of each part of an optimizer: why it is there, its typical range, what to try first.

    The parts are the transformations in it, in their order, and the schedules of their numbers. Those that
    have no entry in the table of reasons get the beginning and the paper of their documentation.

    Args:
      tx: the optimizer.

    >>> import gradtx
    >>> explain(gradtx.momentum(0.1))
    trace(decay=0.9)
      why      gradients that agree add up, and those that alternate cancel
      typical  decay 0.8 to 0.99
      first    0.9; at 0.99 a tenth of the learning rate
      source   Polyak (1964); Sutskever et al. (2013)
    <BLANKLINE>
    scale_by_learning_rate(learning_rate=0.1)
      why      the length of the step, the number to choose first
      typical  Adam 1e-5 to 1e-2, SGD 1e-3 to 1
      first    lr_range_test; then factors of 3
      source   Bengio (2012), arXiv:1206.5533, section 3
    """
    return Explanation(_explained(as_transformation(tx), "", 0))


def _explained(tx: GradientTransformation, label: str, depth: int) -> Iterator[Explained]:
    inside = depth
    if not isinstance(tx, _SEQUENCES):
        schedules = [held for held in tx.hyperparameters().values() if _has_reason(held)]
        code = _without(tx.own_expression(), schedules)
        yield Explained(f"{label}: {code}" if label else code, type(tx), depth, reason_of(type(tx)))
        inside, label = depth + 1, ""
        for schedule in schedules:
            yield from _of_schedule(schedule, depth + 1)
    for index, (path, part, _) in enumerate(tx.parts_with(None)):
        own = "" if path in ("", f"[{index}]") else path.strip("[]'")
        yield from _explained(part, own or label, inside)


def _of_schedule(schedule: Any, depth: int) -> Iterator[Explained]:
    """A schedule, or both sides of an operation."""
    sides = [getattr(schedule, side, None) for side in ("left", "right")]
    for own in [schedule] if None in sides else filter(_has_reason, sides):
        if own is schedule:
            yield Explained(spelled(own), type(own), depth, reason_of(type(own)))
        else:
            yield from _of_schedule(own, depth)


def _has_reason(held: Any) -> bool:
    return isinstance(held, Schedule) and not isinstance(held, constant_schedule)


def _without(code: str, schedules: Iterable[Any]) -> str:
    """An expression with the schedules in it, which follow by themselves, as dots."""
    for schedule in schedules:
        code = code.replace(spelled(schedule), "...")
    return code


def reason_of(kind: type[Any]) -> Reason:
    """The reason of a class: that of the table, or the beginning and the paper of its docstring."""
    doc = inspect.getdoc(kind) or ""
    beginning = re.split(r"(?<=\.)\s|:? \$|\n\n", doc, maxsplit=1)[0]
    documented = Reason(" ".join(beginning.replace("`", "").split()).rstrip("."), source=_paper(doc))
    own = REASONS.get(kind, documented)
    return own if own.source else own._replace(source=documented.source)


def _paper(doc: str) -> str:
    """The first paper of a docstring, up to its number or to the end of its entry."""
    found = re.search(r"\*\*Reference\*\*: (.+?)(\n\n|\Z)", doc, re.DOTALL)
    text = " ".join(found[1].replace("*", "").split()) if found else ""
    entry = re.split(r"(?<!al)\.\s|; |, (?=equation|algorithm|section|figure|in the form)", text, maxsplit=1)[
        0
    ]
    numbered = re.match(r".*?arXiv:\d+\.\d+", entry)
    return (numbered[0] if numbered else entry).rstrip(".,")


def _printed(own: Explained) -> str:
    """A part, and a line for each text about it."""
    indent = "  " * own.depth
    texts = zip(("why", "typical", "first", "source"), own.reason, strict=True)
    lines = [_filled(f"{indent}  {title:9}", text) for title, text in texts if text]
    return "\n".join([textwrap.indent(laid_out(own.part), indent), *lines])


def _filled(title: str, text: str) -> str:
    return textwrap.fill(text, 100, initial_indent=title, subsequent_indent=" " * len(title))

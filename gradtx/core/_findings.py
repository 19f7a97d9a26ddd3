"""Findings: warnings of an optimizer as values."""

from typing import Any, NamedTuple

from gradtx.core._table import print_lines


class Finding(NamedTuple):
    """A warning: its name, the path of the transformation, the fact, and the remedy.

    >>> print(Finding("empty-group", "['a']", "no leaf has the label 'a'.", "Remove the group."))
    empty-group at ['a']: no leaf has the label 'a'. Remove the group.
    """

    name: str
    path: str
    text: str
    remedy: str

    def __str__(self) -> str:
        where = f" at {self.path}" if self.path else ""
        return f"{self.name}{where}: {self.text} {self.remedy}".rstrip()


class Findings(tuple[Finding, ...]):
    """The findings of `lint`: a tuple that prints a line for each, and that a notebook shows as a table.

    >>> Findings()
    no findings
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "no findings"

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        print_lines(printer, str(self))

    def _repr_html_(self) -> str:
        from gradtx.core._html import of_findings  # noqa: PLC0415 - for a notebook alone

        return of_findings(self)

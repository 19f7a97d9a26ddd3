"""Findings: warnings of an optimizer as values."""

from collections.abc import Callable
from typing import Any, NamedTuple

from gradtx.core._table import print_lines


class Finding(NamedTuple):
    """A warning: its name, the path of the transformation, the fact, and the remedy.

    A finding of `gradtx.practice.diagnose` has also the likely cause, the evidence, which is numbers by name,
    and its remedy as an edit of the optimizer, for `apply`.

    >>> print(Finding("empty-group", "['a']", "no leaf has the label 'a'.", "Remove the group."))
    empty-group at ['a']: no leaf has the label 'a'. Remove the group.
    """

    name: str
    path: str
    text: str
    remedy: str
    cause: str = ""
    evidence: tuple[tuple[str, Any], ...] = ()
    edit: Callable[[Any], Any] | None = None

    def apply(self, tx: Any) -> Any:
        """The optimizer with the remedy: another value, which may have another state.

        Args:
          tx: the optimizer.

        Raises:
          ValueError: for a finding that no change of an optimizer mends, and for an optimizer without the
            part that would change.
        """
        if self.edit is None:
            raise ValueError(f"{self.name}: this remedy is no change of the optimizer. {self.remedy}")
        return self.edit(tx)

    def details(self) -> tuple[tuple[str, str], ...]:
        """The cause, the evidence and the remedy, each with its title; nothing for a finding of `lint`."""
        if not self.evidence:
            return ()
        evidence = "; ".join(f"{name}: {_spelled(value)}" for name, value in self.evidence)
        return ("cause", self.cause), ("evidence", evidence), ("remedy", self.remedy)

    def __str__(self) -> str:
        where = f" at {self.path}" if self.path else ""
        head = f"{self.name}{where}: {self.text}"
        if not self.evidence:
            return f"{head} {self.remedy}".rstrip()
        return "\n".join((head, *(f"    {title}: {text}" for title, text in self.details())))


def _spelled(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


class Findings(tuple[Finding, ...]):
    """The findings of `lint` or `diagnose`: a tuple that prints, and that a notebook shows as a list.

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

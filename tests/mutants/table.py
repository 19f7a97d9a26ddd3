"""Deliberate errors: how a table lists them, and how one is planted."""

import re
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent


class Mutant(NamedTuple):
    """An error to plant in gradtx: in `file`, the only occurrence of `old` becomes `new`.

    `tests` is a file, a folder, or one test in a file: `tests/rules/test_lion.py::test_lion`.
    """

    name: str
    file: str
    tests: str
    old: str
    new: str

    def places(self, source: str) -> list[re.Match[str]]:
        """The occurrences of `old`. White space matches any white space, so that line breaks may move."""
        return list(re.finditer(r"\s+".join(map(re.escape, self.old.split())), source))

    def planted(self, source: str) -> str:
        """`source` with the error in it; each line of `new` is indented as the line that `old` begins in."""
        (place,) = self.places(source)
        line = source[source.rfind("\n", 0, place.start()) + 1 : place.start()]
        indent = " " * (len(line) - len(line.lstrip()))
        return source[: place.start()] + self.new.replace("\n", f"\n{indent}") + source[place.end() :]


def read_table(path: Path) -> list[Mutant]:
    r"""The mutants of a table: a line `file  tests`, then one indented line `old → new | name` for each.

    In `new`, `\n` stands for a line break. Lines that begin with `#` are comments.

    Raises:
      ValueError: for a line that is neither.
    """
    mutants: list[Mutant] = []
    file = tests = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if row := re.fullmatch(r"  (\S.*) → (.*) ?\| (.+)", line):
            old, new, name = row.groups()
            mutants.append(Mutant(name, file, tests, old, new.strip().replace("\\n", "\n")))
        elif header := re.fullmatch(r"(\S+)  (\S.*)", line):
            file, tests = header.groups()
        else:
            raise ValueError(f"{path.name}, line {number}: expected `file  tests` or `  old → new | name`.")
    return mutants


def all_mutants() -> list[Mutant]:
    """The mutants of all tables beside this file."""
    return [mutant for path in sorted(HERE.glob("*.txt")) for mutant in read_table(path)]

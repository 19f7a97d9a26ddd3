"""The tables that `tests/mutants/run.py` reads; that each mutant is killed takes longer to see."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.table import Mutant, all_mutants, read_table
from tests.turns import TURNS, is_in_turn

ROOT = Path(__file__).resolve().parents[1]
TABLE = """# A comment

a.py  tests/rules/test_lion.py::test_lion[a b]
  f(x, y) → f(y, x) | the order
  + c →  | no term
  x = 1 → x = 2\\n    y = 3 | two lines
"""


@pytest.fixture
def mutants(tmp_path: Path) -> list[Mutant]:
    (tmp_path / "a.txt").write_text(TABLE)
    return read_table(tmp_path / "a.txt")


def test_a_table_is_read(mutants: list[Mutant]) -> None:
    test = "tests/rules/test_lion.py::test_lion[a b]"
    assert mutants[0] == Mutant("the order", "a.py", test, "f(x, y)", "f(y, x)")
    assert [(mutant.old, mutant.new) for mutant in mutants[1:]] == [
        ("+ c", ""),
        ("x = 1", "x = 2\n    y = 3"),
    ]


def test_a_line_that_is_no_row_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a.py  tests\n  f(x) -> f(y) | an arrow of two characters\n")
    with pytest.raises(ValueError, match="line 2"):
        read_table(tmp_path / "a.txt")


def test_line_breaks_may_move(mutants: list[Mutant]) -> None:
    assert mutants[0].planted("z = f(x,\n      y)") == "z = f(y, x)"
    assert len(mutants[0].places("f(x, y) + f(x,  y)")) == 2


def test_a_line_that_is_added_is_indented(mutants: list[Mutant]) -> None:
    assert mutants[2].planted("if z:\n    x = 1\n") == "if z:\n    x = 2\n        y = 3\n"


def test_the_test_of_each_mutant_exists() -> None:
    for mutant in all_mutants():
        path, *names = mutant.tests.split("::")
        assert (ROOT / path).exists(), mutant.name
        for name in names if path.startswith("tests") else ():  # doctests are called as their subjects are
            assert re.search(rf"(def|class) {name.split('[')[0]}\b", (ROOT / path).read_text()), mutant.name


def test_the_names_of_mutants_differ() -> None:
    assert max(Counter(mutant.name for mutant in all_mutants()).values()) == 1


def test_moved_texts_are_listed_without_packages() -> None:
    """`.ci/run` lists them first, in an environment that holds nothing yet."""
    script = ROOT / "tests" / "mutants" / "run.py"
    subprocess.run([sys.executable, "-S", script, "--moved"], check=True, capture_output=True)


def test_each_mutant_has_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [mutant.name for mutant in all_mutants()]
    shares = []
    for turn in range(TURNS):
        monkeypatch.setenv("TURN", str(turn))
        shares.append({name for name in names if is_in_turn(name)})
    assert sorted(names) == sorted(name for share in shares for name in share)
    assert max(map(len, shares)) < 0.25 * len(names)
    monkeypatch.setenv("TURN", "")
    assert all(map(is_in_turn, names))

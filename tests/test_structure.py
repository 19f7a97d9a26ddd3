"""The shape of the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "gradtx"
LONGEST = 25


def lines_of_code(function: ast.FunctionDef, text: str) -> int:
    """The lines of the body of a function, without its docstring, comments and blank lines."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    if not body:
        return 0
    lines = text.splitlines()[body[0].lineno - 1 : function.end_lineno]
    return sum(not line.strip().startswith("#") for line in lines if line.strip())


def functions(text: str) -> Iterator[ast.FunctionDef]:
    """The functions and methods in the text of a module, those inside of others included."""
    return (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))


@pytest.mark.exhaustive
def test_no_function_is_long() -> None:
    long = {
        f"{path.relative_to(PACKAGE)}: {function.name}": lines
        for path in sorted(PACKAGE.rglob("*.py"))
        for text in [path.read_text()]
        for function in functions(text)
        if (lines := lines_of_code(function, text)) > LONGEST
    }
    assert not long


def test_lines_are_counted() -> None:
    text = 'def f(x):\n    """Doc.\n\n    More."""\n\n    # why\n    y = (\n        x\n    )\n    return y\n'
    assert [lines_of_code(function, text) for function in functions(text)] == [4]

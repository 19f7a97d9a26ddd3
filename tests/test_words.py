"""The vocabulary of the pages, the notebooks, the docstrings and the comments: plain technical English."""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

GENERATED = ("docs/optimizers.md",)
"""Pages that the build of the documentation writes from docstrings."""

WORDS = {
    r"kin": "variants",
    r"sentences?": "composition",
    r"of now": "current",
    r"remark(s|ed|ing)?": "warning",
    r"(what \w+|it) holds?|holds? (it|another|others?)|held by": "wraps",
    r"in front of": "before",
    r"behind(?! (an? |the )?(\w+\.)*(optimization(_| ))?barrier)": "after",
    r"who gets what": "parameter groups",
    r"as given": "unchecked, or unchanged",
    r"no rule moves": "non-differentiable",
    r"none's": "a label without a transformation, or the like",
}
"""Regular expressions of forbidden words and phrases, with a replacement."""

CODE = (
    r"^[ \t]*```.*?^[ \t]*```",  # blocks
    r"^[ \t]*>>> .*?(?=\n[ \t]*\n|\Z)",  # examples with their results
    r"(`+)(?!`)((?!\n\s*\n).)+?(?<!`)\1(?!`)",  # names
    r"\$\$.*?\$\$",
    r"\$(?!\$)((?!\n\s*\n)[^$])+\$",
    r"(?<=\])\([^)\s]*\)",  # addresses
)
"""Regular expressions of code and mathematics, which are no prose."""

# A capital begins a sentence, which ends at its mark or with its paragraph, list item or table cell.
RELATIVE = r"\b(What|Where)\b.*?([.?!](?=\W*?(\s|$))|\n\s*\n|\n\s*[-*#|]|\||\Z)"


def faults(text: str) -> list[tuple[int, str]]:
    """The number of the line of each fault in a text, with advice."""
    prose = without_code(text)
    found = [
        (match.start(), f"{' '.join(match[0].split())!r}: say {advice}")
        for pattern, advice in WORDS.items()
        for match in re.finditer(r"\b(" + pattern.replace(" ", r"\s+") + r")\b", prose, re.IGNORECASE)
    ]
    for match in re.finditer(RELATIVE, prose, re.DOTALL):
        if match[2] != "?":
            found.append((match.start(), f"a sentence begins with {match[1]!r}: begin with its subject"))
    return [(prose.count("\n", 0, at) + 1, advice) for at, advice in sorted(found)]


def without_code(text: str) -> str:
    """The text with a dot for each character of code; places and lines stay."""
    text = re.sub(r"`([\w.]*optimization_barrier)`", r" \1 ", text)
    for pattern in CODE:
        flags = re.DOTALL | re.MULTILINE
        text = re.sub(pattern, lambda match: re.sub(r"\S", "·", match[0]), text, flags=flags)
    return text


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The texts in a file, each with the number of its first line."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from docstrings(content)
        yield from comments(content)
    elif path.suffix == ".ipynb":
        cells = json.loads(content)["cells"]
        yield from ((1, "".join(cell["source"])) for cell in cells if cell["cell_type"] == "markdown")
    else:
        yield 1, content


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Each string that stands as a statement: of modules, classes, functions and what is named above it."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text
            case _:
                pass


def comments(source: str) -> Iterator[tuple[int, str]]:
    """The comments; one that goes on in the next line is one text."""
    lines: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0]] = token.string.lstrip("# ")
    for first in sorted(lines):
        if first - 1 not in lines:
            last = first
            while last + 1 in lines:
                last += 1
            yield first, "\n".join(lines[line] for line in range(first, last + 1))


FILES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "notebooks/*.ipynb", "gradtx/**/*.py")
PATHS = sorted(path.relative_to(ROOT).as_posix() for pattern in FILES for path in ROOT.glob(pattern))


def faults_of(path: str) -> list[str]:
    return [
        f"{path}:{first + line - 1}: {advice}"
        for first, text in texts(ROOT / path)
        for line, advice in faults(text)
    ]


@pytest.mark.parametrize("path", [path for path in PATHS if not path.startswith(GENERATED)])
def test_the_words_are_those_of_the_project(path: str) -> None:
    found = faults_of(path)
    assert not found, "\n".join(found)


FAULTY = """\
- Adam and its kin
- AdamW is a sentence, and Lion
- another sentence. Two sentences
- the gradient of now
- The table remarks on it
- a transformation that holds another one
- In front
  of the partition
- behind Adam
- Who gets what
- a number as given
- leaves that no rule moves
- a label that is none's
- What comes in is an array.
- **Order.** Where x is 0, the result is 0.
"""

CLEAN = """\
What is an optimizer? It is a value. The skin of `what it holds`, and **why**: *Where does it stop?*

$$u = \\frac{g}{\\sqrt{v}} \\text{ in front of } v$$

where $v$ is the average, computed behind an `optimization_barrier`, and the bound holds.

```python
tx.remarks  # of now
```

>>> "a sentence"
"What comes in."
"""


def test_each_kind_of_fault_is_found() -> None:
    items = [number for number, line in enumerate(FAULTY.splitlines(), 1) if line.startswith("-")]
    assert sorted({line for line, _ in faults(FAULTY)}) == items
    advice = " ".join(advice for _, advice in faults(FAULTY))
    assert all(f"say {replacement}" in advice for replacement in WORDS.values())


def test_code_mathematics_and_questions_are_no_faults() -> None:
    assert faults(CLEAN) == []


def test_docstrings_and_comments_are_read_with_their_lines() -> None:
    source = '''"""Of a module."""
x = 1
"""Of x."""
y = "no # comment"  # beside
# on two
# lines
def f():
    """Of f."""
'''
    assert list(docstrings(source)) == [(1, "Of a module."), (3, "Of x."), (8, "Of f.")]
    assert list(comments(source)) == [(4, "beside\non two\nlines")]

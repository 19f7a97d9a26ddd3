"""The walk through a new rule in CONTRIBUTING.md, followed in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter", reason="needs the extra `lint`")

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^`(?P<path>[\w/.]+)`[^\n]*:\n\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which the walk was followed."""
    folder = tmp_path_factory.mktemp("walk")
    for part in ("gradtx", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for path, text in blocks().items():
        file = folder / path
        if not file.exists():
            file.write_text(text)
        elif path.endswith("__init__.py"):
            names = re.findall(r"\w+", text.partition(" import ")[2])
            listed = "".join(f'    "{name}",\n' for name in names)
            file.write_text(text + file.read_text().replace("__all__ = [\n", f"__all__ = [\n{listed}"))
        else:
            file.write_text(
                re.sub(r"(^CASES[^\n]*\{\n)", rf"\g<1>{text}", file.read_text(), flags=re.MULTILINE)
            )
    run(folder, "-m", "tests.contract.golden")
    return folder


def blocks() -> dict[str, str]:
    """The contents of the files of the walk, by path."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    walk = text[text.index("## A new rule") : text.index("## A new wrapper")]
    return {block["path"]: block["text"] for block in BLOCK.finditer(walk)}


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("TURN", None)  # the whole walk, in any turn
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_rule_is_five_files() -> None:
    assert len(blocks()) == 5


def test_the_contract_the_reference_and_the_example_pass(copy: Path) -> None:
    tests = (
        "tests/contract",
        "tests/rules/test_quasi_hyperbolic.py",
        "gradtx/__init__.py",
        "tests/test_mutants.py",
    )
    options = (
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        "-m",
        "",
        "-k",
        "quasi_hyperbolic or mutants or has_a_case or public_names",
    )
    out = run(copy, "-m", "pytest", *options, *tests)
    assert int(re.findall(r"(\d+) passed", out)[-1]) > 30


def test_the_mutants_are_killed(copy: Path) -> None:
    assert run(copy, "tests/mutants/run.py", "--strict", "quasi_hyperbolic").count("killed") == 3


def test_the_contracts_of_imports_hold(copy: Path) -> None:
    run(copy, "-c", "import sys; from importlinter.cli import lint_imports_command as lint; sys.exit(lint())")

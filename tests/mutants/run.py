"""Plants each deliberate error in a copy of gradtx and sees its tests fail: `python tests/mutants/run.py`."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutants.table import Mutant, all_mutants  # noqa: E402 - the repository is on the path now


def has_moved(mutant: Mutant) -> bool:
    """Whether the text that the mutant changes is no longer in its file, or is there more than once."""
    path = ROOT / "gradtx" / mutant.file
    return not path.exists() or len(mutant.places(path.read_text())) != 1


def survives(mutant: Mutant) -> str | None:
    """Why the mutant is not killed, or `None`."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("gradtx", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        source = copy / "gradtx" / mutant.file
        source.write_text(mutant.planted(source.read_text()))
        options = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "-m", ""]  # the exhaustive tests too
        command = [sys.executable, "-m", "pytest", *options, mutant.tests]
        environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if run.returncode == 1 and " failed" in run.stdout:
        return None
    if run.returncode == 0:
        return f"{mutant.tests} passes"
    return f"{mutant.tests} did not run: {(run.stdout + run.stderr)[-2000:]}"


def main() -> int:
    """The exit status: 1 when a mutant survives, and with `--strict` when the text of one has moved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "pattern", nargs="?", default="", help="a part of the name or file of the mutants to run"
    )
    parser.add_argument("--moved", action="store_true", help="lists those whose text has moved; runs none")
    parser.add_argument("--strict", action="store_true", help="counts a text that has moved as a failure")
    options = parser.parse_args()
    chosen = [mutant for mutant in all_mutants() if options.pattern in f"{mutant.name} {mutant.file}"]
    moved = [mutant for mutant in chosen if has_moved(mutant)]
    for mutant in moved:
        print(f"moved     {mutant.file}: {mutant.old} | {mutant.name}")
    failures = len(moved) if options.strict else 0
    planted = [] if options.moved else [mutant for mutant in chosen if mutant not in moved]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, reason in zip(planted, pool.map(survives, planted), strict=True):
            failures += reason is not None
            print(f"SURVIVED  {mutant.name}: {reason}" if reason else f"killed    {mutant.name}", flush=True)
    print(f"{len(chosen)} mutants: {len(moved)} moved, {len(planted)} planted, {failures} failures")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())

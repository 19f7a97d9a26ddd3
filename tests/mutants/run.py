"""Imports gradtx with each deliberate error and sees its tests fail: `python tests/mutants/run.py`."""

import argparse
import gc
import io
import linecache
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutants.table import Mutant, all_mutants  # noqa: E402 - the repository is on the path now
from tests.turns import is_in_turn  # noqa: E402

# Each mutant has a process of its own, forked from one that has imported these and nothing of gradtx.
PRELOADED = ["hypothesis", "jax.extend", "jax.flatten_util", "jax.numpy", "numpy", "pytest", "xdist.plugin"]
# The exhaustive tests too; of the plugins only the one that the options in pyproject.toml name. Assertions
# are plain: pytest's own import of a file that it is called with would not see the error.
OPTIONS = ["-x", "-q", "--tb=line", "--assert=plain", "-pxdist.plugin", "-n0", "-pno:cacheprovider", "-m", ""]


def has_moved(mutant: Mutant) -> bool:
    """Whether the text that the mutant changes is no longer in its file, or is there more than once."""
    path = ROOT / "gradtx" / mutant.file
    return not path.exists() or len(mutant.places(path.read_text())) != 1


class Planted(SourceFileLoader):
    """Finds and loads the module of a mutant, with the error in it; it reads and writes no bytecode."""

    def __init__(self, mutant: Mutant) -> None:
        path = ROOT / "gradtx" / mutant.file
        parts = path.relative_to(ROOT).with_suffix("").parts
        super().__init__(".".join(parts).removesuffix(".__init__"), str(path))
        self.source = mutant.planted(path.read_text())
        # Else `inspect.getsource` would show the file.
        linecache.cache[self.path] = len(self.source), None, self.source.splitlines(keepends=True), self.path

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, _: str) -> CodeType:
        return self.source_to_code(self.source, self.path)


def survives(mutant: Mutant) -> str | None:
    """Why the mutant is not killed, or `None`. It changes the process that it is called in."""
    import pytest  # noqa: PLC0415 - `--moved` runs before anything is installed

    os.chdir(ROOT)
    sys.meta_path.insert(0, Planted(mutant))
    sys.dont_write_bytecode = False  # the other modules and the tests are compiled once
    gc.freeze()  # pytest collects garbage, and need not look at JAX
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        status = pytest.main([*OPTIONS, mutant.tests])
    if status == 1 and " failed" in output.getvalue():
        return None
    if status == 0:
        return f"{mutant.tests} passes"
    return f"{mutant.tests} did not run: {output.getvalue()[-2000:]}"


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
    planted = [mutant for mutant in chosen if mutant not in moved and is_in_turn(mutant.name)]
    planted = [] if options.moved else planted
    os.environ.pop("TURN", None)  # any test may kill a mutant
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(PRELOADED)
    with ProcessPoolExecutor(os.cpu_count(), processes, max_tasks_per_child=1) as pool:
        for mutant, reason in zip(planted, pool.map(survives, planted), strict=True):
            failures += reason is not None
            print(f"SURVIVED  {mutant.name}: {reason}" if reason else f"killed    {mutant.name}", flush=True)
    print(f"{len(chosen)} mutants: {len(moved)} moved, {len(planted)} planted, {failures} failures")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())

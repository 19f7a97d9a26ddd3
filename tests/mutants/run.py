"""Plants each deliberate error in a copy of gradtx and sees its tests fail: `python tests/mutants/run.py`."""

import argparse
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutants.table import Mutant, all_mutants  # noqa: E402 - the repository is on the path now

# Each mutant has a process of its own, forked from one that has imported these and nothing of gradtx.
PRELOADED = ["hypothesis", "jax.numpy", "numpy", "pytest"]
# The exhaustive tests too; of the plugins only the one that the options in pyproject.toml name.
OPTIONS = ["-x", "-q", "--tb=line", "-p", "xdist.plugin", "-n0", "-p", "no:cacheprovider", "-m", ""]


def has_moved(mutant: Mutant) -> bool:
    """Whether the text that the mutant changes is no longer in its file, or is there more than once."""
    path = ROOT / "gradtx" / mutant.file
    return not path.exists() or len(mutant.places(path.read_text())) != 1


def plant(mutant: Mutant, folder: Path) -> None:
    """Copies gradtx and its tests, with their bytecode, to `folder`, and plants the error there."""
    for part in ("gradtx", "tests"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "pyproject.toml", folder)
    source = folder / "gradtx" / mutant.file
    source.write_text(mutant.planted(source.read_text()))
    Path(cache_from_source(str(source))).unlink(missing_ok=True)


def survives(mutant: Mutant) -> str | None:
    """Why the mutant is not killed, or `None`. It changes the process that it is called in."""
    import pytest  # noqa: PLC0415 - `--moved` runs before anything is installed

    with tempfile.TemporaryDirectory() as folder:
        plant(mutant, Path(folder))
        for module in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[module]
        sys.path[:] = [folder, *(path for path in sys.path if path != str(ROOT))]
        sys.dont_write_bytecode = True
        os.chdir(folder)
        output = io.StringIO()
        with redirect_stdout(output), redirect_stderr(output):
            status = pytest.main([*OPTIONS, mutant.tests])
        os.chdir(ROOT)
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
    planted = [] if options.moved else [mutant for mutant in chosen if mutant not in moved]
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

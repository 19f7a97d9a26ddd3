"""The notebooks run from top to bottom, and what is committed is the outcome of such a run."""

from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
for needed in ("ipykernel", "flax", "matplotlib"):
    pytest.importorskip(needed)

FOLDER = Path(__file__).parents[2] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
NOTEBOOKS = pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])


def test_the_notebooks_are_there() -> None:
    assert [path.stem for path in PATHS] == [
        "bad_batches",
        "clinic",
        "find_the_rate",
        "fine_tuning",
        "low_precision",
        "quickstart",
        "race",
        "rebuild_adam",
        "schedules",
        "tune_by_gradient",
    ]


@pytest.mark.notebooks
@NOTEBOOKS
def test_it_runs_and_gives_what_is_committed(path: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """Numbers may differ from machine to machine; which cell prints, and which draws, may not."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    for setting in ("XLA_FLAGS", "MPLBACKEND"):  # of the test process, not of a reader
        monkeypatch.delenv(setting, raising=False)
    committed = nbformat.read(path, as_version=4)
    executed = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        executed, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    )
    client.execute()
    for cell, before in zip(code_cells(executed), code_cells(committed), strict=True):
        assert kinds(cell) == kinds(before), cell.source


@NOTEBOOKS
def test_it_is_committed_as_run_in_order(path: Path) -> None:
    cells = code_cells(nbformat.read(path, as_version=4))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert set.union(*map(kinds, cells)) - {"text/html"} == {"stdout", "image/png"}


def test_the_quickstart_displays_an_optimizer_and_a_table() -> None:
    cells = code_cells(nbformat.read(FOLDER / "quickstart.ipynb", as_version=4))
    shown = ["".join(cell.outputs[0].data["text/html"]) for cell in cells if kinds(cell) == {"text/html"}]
    assert len(shown) == 2
    assert "<svg" in shown[0]
    assert "<table>" in shown[1]


@NOTEBOOKS
def test_it_has_pictures(path: Path) -> None:
    cells = code_cells(nbformat.read(path, as_version=4))
    assert sum("image/png" in kinds(cell) for cell in cells) >= 3


@NOTEBOOKS
def test_it_is_a_clean_file(path: Path) -> None:
    """Nothing in it speaks of the machine that it was run on, and GitHub shows it without delay."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell.metadata == {} for cell in notebook.cells)
    assert path.stat().st_size < 1_500_000


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell: Any) -> set[str]:
    """What the outputs of a cell are: the streams, `error`, and the types of what it displays."""
    found = set()
    for output in cell.outputs:
        if output.output_type == "stream":
            found.add(output.name)
        elif output.output_type == "error":
            found.add("error")
        else:
            # A picture comes with a line of text for those who cannot see it, which is not kept.
            found.update(set(output.data) - {"text/plain"} or {"text/plain"})
    return found

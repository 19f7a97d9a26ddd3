"""`import gradtx` loads what an optimizer needs, and nothing else."""

import subprocess
import sys

TOOLS = ("gradtx.cli", "gradtx.practice", "gradtx.stepping._splitting")


def loaded_by(statement: str) -> set[str]:
    command = [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_an_import_loads_no_tool() -> None:
    added = loaded_by("import gradtx") - loaded_by("import jax, jax.numpy")
    assert not {name for name in added if name.startswith(TOOLS)}
    assert {name.partition(".")[0] for name in added} - sys.stdlib_module_names <= {
        "gradtx",
        "jax",
        "jaxlib",
        "numpy",
    }
    assert "difflib" not in added


def test_practice_is_imported_by_its_name_and_loads_no_other_package() -> None:
    added = loaded_by("from gradtx import practice\npractice.train") - loaded_by("import gradtx")
    assert {name.partition(".")[0] for name in added} - sys.stdlib_module_names <= {"gradtx", "jax"}

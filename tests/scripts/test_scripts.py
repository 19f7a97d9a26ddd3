"""Training scripts that use Optax give the same numbers with `import gradtx as optax`."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

FOLDER = Path(__file__).parent
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("conftest", "test_scripts"))


def run(name: str, library: str) -> dict[str, Any]:
    """The names that a script leaves behind, with Optax or in its place gradtx."""
    text = (FOLDER / f"{name}.py").read_text()
    assert text.count("import optax\n") == 1
    left: dict[str, Any] = {"__name__": name}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        exec(compile(text.replace("import optax\n", f"import {library} as optax\n"), name, "exec"), left)
    return left


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_gives_the_same_numbers(name: str) -> None:
    theirs, ours = run(name, "optax"), run(name, "gradtx")
    losses, begin = np.array(theirs["losses"]), theirs.get("SETTLED", 0)
    assert len(losses) == 100
    assert np.all(losses[-1] != losses[0])
    np.testing.assert_allclose(np.array(ours["losses"])[begin:], losses[begin:], rtol=1e-5, atol=1e-5)
    assert jax.tree.structure(ours["params"]) == jax.tree.structure(theirs["params"])
    for one, other in zip(jax.tree.leaves(ours["params"]), jax.tree.leaves(theirs["params"]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)

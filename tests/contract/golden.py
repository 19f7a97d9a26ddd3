"""The public names and the layout of every state; `python -m tests.contract.golden` writes the files."""

from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
from jax.tree_util import keystr, tree_leaves_with_path

import gradtx
import gradtx.practice
from tests.cases import CASES, make_matrix_and_vector

HERE = Path(__file__).parent
NAMES, STATES = HERE / "names.txt", HERE / "states.txt"


def names() -> str:
    """The public names, one a line."""
    names = sorted(gradtx.__all__)
    for package in ("losses", "microbatching", "practice", "projections", "tree"):
        names += [f"{package}.{name}" for name in sorted(getattr(gradtx, package).__all__)]
    return "\n".join(names) + "\n"


def states() -> str:
    """For each case, the path, the dtype and the shape of each array of its state."""
    return "\n".join(line for name in sorted(CASES) for line in layout(name)) + "\n"


def layout(name: str) -> Iterator[str]:
    state = jax.eval_shape(CASES[name].init, make_matrix_and_vector(jnp.float32))
    yield name
    for path, leaf in tree_leaves_with_path(state):
        yield f"  {keystr(path)} {leaf.dtype.name}{list(leaf.shape)}"


if __name__ == "__main__":
    NAMES.write_text(names())
    STATES.write_text(states())

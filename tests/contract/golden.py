"""The public names and the layout of every state; `python -m tests.contract.golden` writes the files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import GetAttrKey, keystr, tree_leaves_with_path

import gradtx
import gradtx.practice
from gradtx.core import bytes_in_words
from gradtx.formats import Stored
from gradtx.tree import nodes
from tests.cases import CASES, make_matrix_and_vector

HERE = Path(__file__).parent
NAMES, STATES, STORED = HERE / "names.txt", HERE / "states.txt", HERE / "stored.txt"


def names() -> str:
    """The public names, one a line."""
    names = sorted(gradtx.__all__)
    for package in ("formats", "losses", "microbatching", "practice", "projections", "tree"):
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


def stored() -> str:
    """For each case, the fields that `quantized` stores by default, and the bytes of its state."""
    return "".join(f"{stored_in(name)}\n" for name in sorted(CASES))


def stored_in(name: str) -> str:
    shapes = {"kernel": (128, 64), "bias": (4096,), "gain": ()}
    leaves = {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes.items()}
    params = {"layer": [leaves]}
    plain = jax.eval_shape(CASES[name].init, params)
    inside = jax.eval_shape(gradtx.quantized(CASES[name]).init, params).inner_state
    fields = {
        next(entry.name for entry in reversed(path) if isinstance(entry, GetAttrKey))
        for path, node in nodes(inside)
        if isinstance(node, Stored)
    }
    return f"{name}: {', '.join(sorted(fields)) or '-'}; {_bytes(plain)} to {_bytes(inside)}"


def _bytes(tree: Any) -> str:
    return bytes_in_words(sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree)))


if __name__ == "__main__":
    STORED.write_text(stored())
    NAMES.write_text(names())
    STATES.write_text(states())

"""Every case inside `quantized`: formats that are exact change no bit."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import GetAttrKey

import gradtx
from gradtx import formats
from gradtx.tree import nodes
from tests.cases import CASES, as_taken, extra_arguments, make_gradients, make_params

every_case = pytest.mark.parametrize("name", CASES)


def fields_of(state: Any) -> set[str]:
    """The names of all fields of named tuples in a state."""
    return {path[-1].name for path, _ in nodes(state) if path and isinstance(path[-1], GetAttrKey)}


def exactly(tx: Any, params: Any) -> Any:
    """`tx` with every array of its state stored as it is."""
    names = fields_of(jax.eval_shape(tx.init, params)) - {"codes", "scales"}
    return gradtx.quantized(tx, dict.fromkeys(names, formats.float32()), min_size=0)


@every_case
def test_exact_formats_change_no_bit(name: str) -> None:
    params = make_params(jnp.float32)
    plain, stored = CASES[name], exactly(CASES[name], params)

    def run(tx: Any) -> Any:
        state, results = tx.init(params), []
        for step in range(2):
            extra = extra_arguments(tx, params)
            gradients = as_taken(CASES[name], make_gradients(params, step))
            update = jax.jit(lambda g, s, extra=extra: tx.update(g, s, params, **extra))
            updates, state = update(gradients, state)
            results.append(updates)
        return results, gradtx.unquantized(state)

    expected, got = run(plain), run(stored)
    jax.tree.map(np.testing.assert_array_equal, got[0], expected[0])
    jax.tree.map(np.testing.assert_array_equal, got[1], gradtx.unquantized(expected[1]))

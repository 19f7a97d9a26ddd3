"""The parameters along a run, and the points at which their optimizer evaluates."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from gradtx import apply_updates, eval_params
from tests.trajectories import gradients, in_precision_of, parameters, stacked

GradFn = Callable[[Any, Any], Any]


def as_given(params: Any, tree: Any) -> Any:
    """Gradients that do not depend on the parameters."""
    return tree


def points(tx: Any, dtype: Any = "float64", steps: int = 10, grad_fn: GradFn = as_given) -> Any:
    """The parameters, and where to evaluate, before the first step and after each.

    `grad_fn` makes gradients of parameters and of the step's own tree.
    """
    start, given = parameters(dtype), gradients(dtype, steps)

    @jax.jit
    def run(start: Any, given: Any) -> Any:
        def step(carry: Any, tree: Any) -> Any:
            params, state = carry
            updates, state = tx.update(
                grad_fn(params, tree), state, params, grad_fn=lambda params: grad_fn(params, tree)
            )
            params = apply_updates(params, updates)
            return (params, state), (params, eval_params(tx, state, params))

        state = tx.init(start)
        first = start, eval_params(tx, state, start)
        return first, jax.lax.scan(step, (start, state), given)[1]

    with in_precision_of(dtype):
        first, later = jax.tree.map(np.asarray, run(start, stacked(given)))
    return jax.tree.map(lambda one, others: np.stack([one, *others]), first, later)


def doubled(tree: Any) -> Any:
    """The tree in double precision."""
    return jax.tree.map(lambda leaf: leaf.astype(np.promote_types(leaf.dtype, np.float64)), tree)

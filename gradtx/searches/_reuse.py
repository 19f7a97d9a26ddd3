"""The value and the gradient that a search has found, for the next step."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.core import OptState, Params, Updates
from gradtx.searches._backtracking import ScaleByBacktrackingLinesearchState
from gradtx.searches._evaluations import value_and_grad_at
from gradtx.searches._zoom import ScaleByZoomLinesearchState
from gradtx.tree import is_traced, nodes

_SEARCHED = (ScaleByBacktrackingLinesearchState, ScaleByZoomLinesearchState)


def value_and_grad_from_state(value_fn: Callable[..., Any]) -> Callable[..., tuple[Array, Updates]]:
    """`jax.value_and_grad(value_fn)` that takes its result from the state of a search, where it is there.

    The function that it returns takes the parameters, further arguments of `value_fn`, and `state=`. Before
    the first update it evaluates `value_fn`. It is for functions that are the same at every step: the
    state has the value and the gradient after the last step, with the data of that step.

    Args:
      value_fn: a function of the parameters and of further arguments, with one number as the value.

    Raises:
      ValueError: for a state without a search, or with a search that stores no gradient.

    >>> import jax.numpy as jnp
    >>> from gradtx import apply_updates, lbfgs
    >>> f = lambda x: jnp.sum((x - 1.0) ** 2)
    >>> tx, x, value_and_grad = lbfgs(), jnp.zeros(2), value_and_grad_from_state(f)
    >>> state = tx.init(x)
    >>> for _ in range(2):
    ...     value, grad = value_and_grad(x, state=state)
    ...     updates, state = tx.update(grad, state, x, value=value, grad=grad, value_fn=f)
    ...     x = apply_updates(x, updates)
    >>> x
    Array([1., 1.], dtype=float32)
    """

    def value_and_grad(
        params: Params, *fn_args: Any, state: OptState, **fn_kwargs: Any
    ) -> tuple[Array, Updates]:
        found = [node for _, node in nodes(state) if isinstance(node, _SEARCHED)]
        if len(found) != 1 or found[0].grad is None:
            raise ValueError(
                f"value_and_grad_from_state: the state has {len(found)} searches. It needs one that stores "
                "the gradient: a scale_by_zoom_linesearch, or a scale_by_backtracking_linesearch with "
                "store_grad=True."
            )

        def evaluated() -> tuple[Array, Updates]:
            return value_and_grad_at(lambda params: value_fn(params, *fn_args, **fn_kwargs), params)

        stored = found[0].value, found[0].grad
        known = jnp.isfinite(stored[0])
        if not is_traced(params, stored):
            return stored if known else evaluated()
        return jax.lax.cond(known, lambda: stored, evaluated)

    return value_and_grad

"""A state as a dictionary by names, and back."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import tree_leaves_with_path

from gradtx.checkpoints._names import entries
from gradtx.core import OptState, Params, StateMismatchError, as_transformation
from gradtx.tree import abstract, entry_name, outline

_MOST = 6


def to_state_dict(tx: Any, state: OptState) -> dict[str, Any]:
    """The arrays of a state by names such as `scale_by_adam/mu/layers/0/kernel`, for a checkpoint.

    A name has the transformation, the field of its state and the path of the parameter. It stays the same
    when the optimizer gets another transformation before it, a wrapper around it or a schedule for a number.
    The second transformation of a class is `trace_2`. The count of the schedules of a transformation is its
    `schedule_count`.

    Args:
      tx: the optimizer.
      state: its current state.

    >>> import jax.numpy as jnp
    >>> from gradtx import adam
    >>> tx = adam(0.1)
    >>> list(to_state_dict(tx, tx.init({"w": jnp.zeros(2)})))
    ['scale_by_adam/count', 'scale_by_adam/mu/w', 'scale_by_adam/nu/w']
    """
    return _named(as_transformation(tx), state)


def from_state_dict(tx: Any, params: Params, state_dict: Mapping[str, Any]) -> OptState:
    """The state of an optimizer from its arrays by names; the reverse of `to_state_dict`.

    The arrays are used as they are, with their shardings. `carry` makes the state of a changed optimizer.

    Args:
      tx: the optimizer.
      params: the parameters, or their shapes and dtypes.
      state_dict: the arrays by the names of `to_state_dict`.

    Raises:
      StateMismatchError: for a name that is missing, a name that the optimizer does not have, and an array of
        another shape or dtype.

    >>> import jax.numpy as jnp
    >>> from gradtx import momentum
    >>> tx, params = momentum(0.1), jnp.zeros(2)
    >>> from_state_dict(tx, params, {"trace/trace": jnp.ones(2)})[0]
    TraceState(trace=Array([1., 1.], dtype=float32))
    """
    tx = as_transformation(tx)
    expected = jax.eval_shape(tx.init, abstract(params))
    named = _named(tx, expected)
    if wrong := _differences(named, state_dict):
        raise StateMismatchError(
            "\n  ".join(["from_state_dict: the arrays are not those of this optimizer:", *wrong[:_MOST]])
            + (f"\n  and {len(wrong) - _MOST} other places" if len(wrong) > _MOST else "")
            + "\nFor the state of another optimizer, call from_state_dict with that optimizer, then carry."
        )
    leaves = [jnp.asarray(state_dict[name]) for name in named]
    return jax.tree.unflatten(jax.tree.structure(expected), leaves)


def _named(tx: Any, state: Any) -> dict[str, Any]:
    """Each array by its name; a stored one is its codes and its scales."""
    return {
        "/".join((entry.name, *map(entry_name, path))): leaf
        for entry in entries(tx, state)
        for path, leaf in tree_leaves_with_path(entry.leaf)
    }


def _differences(expected: Mapping[str, Any], got: Mapping[str, Any]) -> list[str]:
    missing = [f"{name} is missing" for name in expected if name not in got]
    unknown = [f"{name} has no place" for name in got if name not in expected]
    other = [
        f"{name}: expected {outline(leaf)}, got {outline(got[name])}"
        for name, leaf in expected.items()
        if name in got and _type(got[name]) != _type(leaf)
    ]
    return missing + unknown + other


def _type(array: Any) -> tuple[Any, Any]:
    return jnp.shape(array), jnp.result_type(array)

"""Moving parameters: by updates, and towards new values."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import interpolate
from gradtx.core._annotations import Params, Updates
from gradtx.tree import map_leaves


def apply_updates(params: Params, updates: Updates) -> Params:
    r"""The new parameters $\theta + u$.

    The sum is taken in at least float32 and rounded to the parameter's dtype once. A parameter stays as it is
    where `updates` has `None`, and where it is not differentiable, such as an integer.

    Args:
      params: the parameters $\theta$.
      updates: the updates $u$, as `update` or `wide_update` returns them.

    Raises:
      TreeMismatchError: where the trees do not correspond, naming the leaf.

    >>> import jax.numpy as jnp
    >>> apply_updates({"w": jnp.ones(2), "steps": 3}, {"w": jnp.array([-0.25, 0.5]), "steps": None})
    {'steps': 3, 'w': Array([0.75, 1.5 ], dtype=float32)}
    """
    _, params = map_leaves(_add, updates, state=(params,), state_names=("params",))
    return params


def incremental_update(new_tensors: Any, old_tensors: Any, step_size: Any) -> Any:
    r"""A step from the old towards the new values: $o + s\,(n - o)$, in the dtypes of the old ones.

    With a small step size this is Polyak averaging (Polyak and Juditsky, 1992) in its exponential form,
    as target networks use it.

    Args:
      new_tensors: the new values $n$.
      old_tensors: the old values $o$.
      step_size: $s$, between 0 and 1.

    >>> import jax.numpy as jnp
    >>> incremental_update(jnp.array(1.0), jnp.array(0.0), step_size=0.25)
    Array(0.25, dtype=float32)
    """
    _, tensors = map_leaves(_towards, new_tensors, state=(old_tensors,), numbers=(step_size,))
    return tensors


def periodic_update(new_tensors: Any, old_tensors: Any, steps: Any, update_period: int) -> Any:
    """The new values where `steps` is a multiple of `update_period`, else the old ones.

    Args:
      new_tensors: the new values.
      old_tensors: the old values, in the same structure and dtypes.
      steps: the number of steps so far.
      update_period: the number of steps from one replacement to the next.

    >>> import jax.numpy as jnp
    >>> periodic_update(jnp.ones(2), jnp.zeros(2), steps=4, update_period=3)
    Array([0., 0.], dtype=float32)
    """
    due = jnp.asarray(steps) % update_period == 0
    return jax.lax.cond(due, lambda: new_tensors, lambda: old_tensors)


def moved_to(params: Params, point: Any) -> Params:
    """The values of `point` in the dtypes of the parameters; non-differentiable leaves stay as they are."""
    _, moved = map_leaves(_moved, point, state=(params,))
    return moved


def _add(update: Array, param: Array) -> tuple[Array, Array]:
    return update, param + update


def _towards(new: Array, old: Array, step_size: Array) -> tuple[Array, Array]:
    return new, interpolate(old, new, step_size)


def _moved(point: Array, param: Array) -> tuple[Array, Array]:
    return point, point

"""Taking measures: their numbers at one step, and the memories of those that have one."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName
from gradtx.core import OptState, Params
from gradtx.tree import abstract, is_inexact
from gradtx.wrappers._measures import (
    OF_TREES,
    StatefulMeasure,
    arguments_of,
    takes_axis_name,
)

SEEN = frozenset({"gradients", "updates", "state"})
"""Arguments of measures that a monitor has at each step, so that nobody has to pass them."""


def measurements(
    measures: Mapping[str, Any], memories: Mapping[str, Any], seen: Mapping[str, Any], axis_name: AxisName
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The number or tree of numbers of each measure, with floats in the default dtype; and the memories.

    Args:
      measures: measures by name.
      memories: the memories of the stateful ones, by name.
      seen: what they read, by name.
      axis_name: the mesh axes over which the leaves are split, for the measures that take it.
    """
    numbers: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name, measure in measures.items():
        reduced = {} if axis_name is None or not takes_axis_name(measure) else {"axis_name": axis_name}
        arguments = [seen[argument] for argument in arguments_of(measure)]
        if isinstance(measure, StatefulMeasure):
            numbers[name], new[name] = measure.step(memories[name], *arguments, **reduced)
        else:
            numbers[name] = as_numbers(measure(*arguments, **reduced))
    return numbers, new


def zero_measurements(
    measures: Mapping[str, Any], params: Params, state: OptState = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Zeros in the shapes of `measurements`, and the first memories.

    Args:
      measures: measures by name.
      params: the parameters.
      state: the first state of the transformation that is measured.
    """
    # Shapes alone, as there are no gradients yet. An extra argument is taken for a number. The state may be
    # made outside of `shard_map`, without an axis to sum over.
    like, number = abstract(params), jax.ShapeDtypeStruct((), jnp.result_type(float))
    names = {name for measure in measures.values() for name in arguments_of(measure)}
    seen = {name: like if name in OF_TREES else number for name in names} | {"state": abstract(state)}

    stateful = {name: x for name, x in measures.items() if isinstance(x, StatefulMeasure)}
    memories = {
        name: x.init(*(seen[argument] for argument in arguments_of(x))) for name, x in stateful.items()
    }
    shapes = jax.eval_shape(lambda seen: measurements(measures, memories, seen, None)[0], seen)
    return jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes), memories


def as_numbers(tree: Any) -> Any:
    """A copy with floats in the default dtype: an array may be the user's, and a state may be donated."""
    return jax.tree.map(_as_number, tree)


def _as_number(x: Any) -> Array:
    return jnp.array(x, jnp.result_type(float) if is_inexact(x) else None, copy=True)

"""Measures: numbers that `monitor` can record of a step."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName, quotient, sum_over_shards
from gradtx.core import Params, Updates, Value, apply_updates, hyperparameter, static
from gradtx.selection import Labels, Selection, as_labels, asks_for_parameters
from gradtx.tree import Frozen, abstract, as_scalar, is_inexact, match, norm

Measure = Callable[..., Any]
"""A function to numbers, of any of `gradients`, `updates`, `params` and the extra arguments, by name."""

OF_TREES = ("gradients", "updates", "params")


class StatefulMeasure(Value):
    """A measure with a memory, which a `monitor` carries from step to step in its state.

    `init(*shapes)` makes the memory from the shapes of the arguments, and `step(memory, *arguments)` returns
    the numbers and the next memory. The names of the arguments say what it reads, as for any measure.
    """

    def init(self, *shapes: Any) -> Any:
        """The memory before the first step."""
        raise NotImplementedError(f"{type(self).__name__} must define init.")

    def step(self, memory: Any, *arguments: Any, **reduced: Any) -> tuple[Any, Any]:
        """The numbers of a step, with floats in the default dtype, and the next memory."""
        raise NotImplementedError(f"{type(self).__name__} must define step.")

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the arguments of `step`."""
        return _required(self.step)[1:]


def arguments_of(measure: Any) -> tuple[str, ...]:
    """The names of the arguments that a measure reads; one argument with another name means the updates.

    >>> arguments_of(gradient_norm), arguments_of(lambda u: u)
    (('gradients',), ('updates',))
    """
    if isinstance(measure, by_group):
        names = arguments_of(measure.measure)
        of_params = asks_for_parameters(measure.labels) and "params" not in names
        return (*names, "params") if of_params else names
    if isinstance(measure, StatefulMeasure):
        return measure.reads
    names = _required(measure)
    return names if len(names) != 1 or names[0] in (*OF_TREES, "value", "state") else ("updates",)


def _required(function: Any) -> tuple[str, ...]:
    required = inspect.Parameter.empty
    return tuple(n for n, p in inspect.signature(function).parameters.items() if p.default is required)


def takes_axis_name(measure: Any) -> bool:
    """Whether a measure has an argument for the mesh axes to sum over.

    >>> takes_axis_name(gradient_norm), takes_axis_name(lambda u: u)
    (True, False)
    """
    if isinstance(measure, by_group):
        return takes_axis_name(measure.measure)
    function = measure.step if isinstance(measure, StatefulMeasure) else measure
    return "axis_name" in inspect.signature(function).parameters


def gradient_norm(gradients: Updates, axis_name: AxisName = None) -> Array:
    """The norm of the gradients that come in, over all leaves.

    Args:
      gradients: the gradients.
      axis_name: inside `jax.shard_map`, the mesh axes over which the leaves are split; the
        measure sums over them. `monitor(..., axis_name=...)` passes it to all its measures.

    >>> import jax.numpy as jnp
    >>> gradient_norm({"w": jnp.array([3.0, 4.0])})
    Array(5., dtype=float32)
    """
    return norm(gradients, axis_name=axis_name)


def update_norm(updates: Updates, axis_name: AxisName = None) -> Array:
    """The norm of the updates that go out, over all leaves.

    Args:
      updates: the updates.
      axis_name: as in `gradient_norm`.

    >>> import jax.numpy as jnp
    >>> update_norm({"w": jnp.array([3.0, 4.0])})
    Array(5., dtype=float32)
    """
    return norm(updates, axis_name=axis_name)


def update_ratio(updates: Updates, params: Params, axis_name: AxisName = None) -> Array:
    r"""The norm of the updates over that of the parameters, $\|u\| / \|\theta\|$; 0 if the parameters are 0.

    In a healthy run it is usually about 0.001. By layer: `by_group(update_ratio, labels)`.

    Args:
      updates: the updates.
      params: the parameters.
      axis_name: as in `gradient_norm`.

    >>> import jax.numpy as jnp
    >>> print(f"{update_ratio(jnp.array([0.0, 0.01]), jnp.array([3.0, 4.0])):.3f}")
    0.002
    """
    return quotient(norm(updates, axis_name=axis_name), norm(params, axis_name=axis_name))


def unmoved_share(updates: Updates, params: Params, axis_name: AxisName = None) -> Array:
    """The share of weights with a nonzero update that rounding leaves unmoved.

    A weight of 1 in bfloat16 moves by 1/128 or not at all; `split_params` and `round_stochastically` help.

    Args:
      updates: the updates.
      params: the parameters.
      axis_name: as in `gradient_norm`.

    >>> import jax.numpy as jnp
    >>> params = jnp.array([1.0, 1.0, 0.001], jnp.bfloat16)
    >>> print(unmoved_share(jnp.array([0.001, 0.0, 0.001]), params))
    0.5
    """
    moved = apply_updates(params, updates)
    leaves = match(updates, moved=moved, params=params)
    counts: list[Array] = []
    for u, new, old in zip(leaves.leaves, *leaves.columns, strict=True):
        if is_inexact(u):
            counted = (jnp.sum(u != 0), jnp.sum((u != 0) & (new == old)))
            counts.append(jnp.stack(counted).astype(float))
    pushed, still = sum_over_shards(lambda pairs: sum(pairs, jnp.zeros(2)), counts, axis_name)
    return still / jnp.maximum(pushed, 1)


class exceeds(Value):
    """Whether the norm of the gradients is above a bound, 1 or 0: whether a clip to that norm shortens them.

    Its running average, `measure_with_ema(exceeds(1.0), 0.99)`, is the share of steps that are clipped.

    >>> import jax.numpy as jnp
    >>> print(exceeds(1.0)(jnp.array([3.0, 4.0])))
    1.0
    """

    max_norm: float = hyperparameter(low=0.0, doc="the bound")

    def __call__(self, gradients: Updates, axis_name: AxisName = None) -> Array:
        """1 if the norm is above the bound, else 0."""
        return (norm(gradients, axis_name=axis_name).astype(float) > as_scalar(self.max_norm)).astype(float)


class by_group(Value):
    """A measure of each group of leaves by itself: a dictionary from label to the measured number.

    >>> import jax.numpy as jnp
    >>> from gradtx import by_path
    >>> measure = by_group(update_norm, by_path({"bias": "bias", ".*": "rest"}))
    >>> measure({"kernel": jnp.array([3.0, 4.0]), "bias": jnp.array([2.0])})
    {'bias': Array(2., dtype=float32), 'rest': Array(5., dtype=float32)}
    """

    measure: Measure = static(doc="the measure")
    labels: Labels = static(
        convert=as_labels,
        doc=(
            "the group of each leaf, as in `partition`: with a function of the parameters that is not "
            "`by_path` the measure needs `params`, after its own arguments"
        ),
    )

    def __call__(self, *seen: Any, **reduced: Any) -> dict[str, Any]:
        """The measured numbers of the groups, by label; `axis_name` reaches a measure that has it."""
        names = arguments_of(self)
        if len(seen) != len(names):
            raise TypeError(f"by_group: this measure is one of {', '.join(names)}, got {len(seen)} of them.")
        found = dict(zip(names, seen, strict=True))
        trees = [found[name] for name in names if name in OF_TREES]
        like = found.get("params", trees[0])
        given = self.labels.tree if isinstance(self.labels, Frozen) else self.labels(abstract(like))
        groups = tuple(sorted(set(jax.tree.leaves(given))))
        selection = Selection(
            self.labels, like, valid=lambda label: label in groups, name="by_group: labels", allowed="a label"
        )

        def of_group(group: Any) -> Any:
            own = arguments_of(self.measure)
            of_own = (selection.only(found[x], group) if x in OF_TREES else found[x] for x in own)
            return self.measure(*of_own, **reduced)

        return {str(group): of_group(group) for group in groups}

"""Monitoring: numbers about a step, recorded in the state."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from jax.tree_util import keystr

from gradtx.arithmetic import AxisName
from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Updates,
    Wrapper,
    by_name,
    by_value,
    identity,
    nested,
    static,
)
from gradtx.tree import nodes, spelled
from gradtx.wrappers._measures import StatefulMeasure, arguments_of
from gradtx.wrappers._measuring import SEEN, measurements, zero_measurements


class MonitorState(NamedTuple):
    """The state of `monitor`: measurements and memories of measures by name, and the inner state."""

    measurements: dict[str, Any]
    measure_states: dict[str, Any]
    inner_state: OptState

    def metrics(self) -> dict[str, Any]:
        """The measurements of the last update."""
        return self.measurements


def _as_measures(measures: Any) -> tuple[tuple[str, Any], ...]:
    if isinstance(measures, GradientTransformation):
        raise TypeError(
            "monitor: the measures come first, then the transformation, as in monitor([gradient_norm], tx)."
        )
    if not isinstance(measures, Iterable) or isinstance(measures, str):
        raise TypeError(
            "monitor: give a list of measures, or names for them, as in monitor([gradient_norm]); got "
            f"{spelled(measures)}."
        )
    named = [*measures.items()] if isinstance(measures, Mapping) else [(_name(x), x) for x in measures]
    if len(dict(named)) < len(named):
        raise ValueError("monitor: two measures have one name. Give names, as in monitor({'name': ...}).")
    for name, measure in named:
        if not (isinstance(name, str) and (callable(measure) or isinstance(measure, StatefulMeasure))):
            raise TypeError(f"monitor: a measure is a function with a name, got {name!r}: {measure!r}.")
    return tuple((name, by_value(measure)) for name, measure in named)


def _name(measure: Any) -> str:
    if not hasattr(measure, "__name__"):
        raise TypeError(f"monitor: give {measure!r} a name, as in monitor({{'name': ...}}).")
    return measure.__name__


class monitor(Wrapper, state=MonitorState):
    """Records measures of each step in its state. The updates are those of the wrapped transformation.

    Around an optimizer it sees the gradients that come in and the updates that go out. By itself, in a chain,
    the two are the same. `metrics(state)` reads the last measurements, wherever they are nested. A measure
    reads the arguments that its signature names, and nothing else is computed.

    **State**: `MonitorState(measurements, measure_states, inner_state)`: numbers by name, floats in float32
    or wider, all 0 before the first update; the memories of measures that have one, such as the averages of
    `measure_with_ema`; the state of the inner transformation.

    >>> import jax.numpy as jnp
    >>> from gradtx import gradient_norm, metrics, sgd, update_norm
    >>> tx = monitor([gradient_norm, update_norm], sgd(0.1))
    >>> _, state = tx.update(jnp.array([3.0, 4.0]), tx.init(jnp.zeros(2)))
    >>> metrics(state)
    {'gradient_norm': Array(5., dtype=float32), 'update_norm': Array(0.5, dtype=float32)}
    """

    measures: Any = static(
        convert=_as_measures,
        doc=(
            "a dictionary from names to measures, or a list of measures that have a name: `gradient_norm`, "
            "`update_norm`, `update_ratio`, `unmoved_share`; with names `exceeds(...)`, `by_group(...)`, "
            "`measure_with_ema(...)`, or other functions. A measure is a function of any of `gradients`, "
            "`updates`, `params`, `state` (that of the inner transformation after the step) and extra "
            "arguments such as `value`, by name; one argument with another name means the updates, as in "
            "Optax. It returns a number, or a tree of them"
        ),
    )
    inner: GradientTransformation = nested(
        default=identity(),
        state="inner_state",
        doc="the transformation whose steps are measured",
    )
    axis_name: AxisName = static(
        default=None,
        kw_only=True,
        doc=(
            "inside `jax.shard_map`, the mesh axes over which the leaves are split. Measures "
            "with an argument of this name get it, as those named above"
        ),
    )

    @cached_property
    def needs(self) -> frozenset[str]:
        return super().needs | (
            {name for _, measure in self.measures for name in arguments_of(measure)} - SEEN
        )

    def init(self, params: Params) -> MonitorState:
        inner = self.inner.init(params)
        measured, memories = zero_measurements(dict(self.measures), params, inner)
        return MonitorState(measured, memories, inner)

    def apply(
        self, updates: Updates, state: MonitorState, params: Params = None, **extra: Any
    ) -> tuple[Updates, MonitorState]:
        changed, inner = self.update_part(self.inner, updates, state.inner_state, params, **extra)
        seen = {**extra, "gradients": updates, "updates": changed, "params": params, "state": inner}
        measured = measurements(dict(self.measures), state.measure_states, seen, self.axis_name)
        return changed, MonitorState(*measured, inner)

    def expression(self) -> str:
        axis = "" if self.axis_name is None else f", axis_name={self.axis_name!r}"
        return f"monitor({spelled(dict(self.measures))}, {spelled(self.inner)}{axis})"


def metrics(state: Any) -> dict[str, Any]:
    """The numbers that transformations publish in a state, by name, wherever they are nested.

    `monitor` publishes its measurements, `guard` and `apply_if_finite` the number of skipped updates,
    `dynamic_loss_scale` its scale, `inject` the hyperparameters, a search its evaluations and its outcome.
    `hyperparams(tx, state)` reads other hyperparameters from the optimizer. The path precedes a name that
    occurs more than once.

    Args:
      state: the state of an optimizer.

    >>> import jax.numpy as jnp
    >>> from gradtx import chain, guard, inject, sgd
    >>> state = chain(guard(sgd(0.1)), inject(sgd(1.0), "learning_rate")).init(jnp.zeros(2))
    >>> {name: float(value) for name, value in metrics(state).items()}
    {'skipped': 0.0, 'clipped': 0.0, 'learning_rate': 1.0}
    """
    publishing = ((path, node) for path, node in nodes(state) if callable(getattr(node, "metrics", None)))
    return by_name((keystr(path), node.metrics()) for path, node in publishing)

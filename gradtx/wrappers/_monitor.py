"""Monitoring: numbers about a step, recorded in the state."""

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import keystr

from gradtx.arithmetic import AxisName, complement, correction, quotient
from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Updates,
    Value,
    Wrapper,
    by_name,
    by_value,
    hyperparameter,
    identity,
    incremental_update,
    nested,
    static,
    zero_count,
)
from gradtx.tree import abstract, as_storage_dtype, is_inexact, nodes, spelled
from gradtx.wrappers._branching import increment_if
from gradtx.wrappers._finite import all_finite
from gradtx.wrappers._measures import OF_TREES, Measure, arguments_of, takes_axis_name


class MonitorState(NamedTuple):
    """The state of `monitor`: the last measurements by name, their averages, and the inner state."""

    measurements: dict[str, Any]
    measure_states: dict[str, Any]
    inner_state: OptState

    def metrics(self) -> dict[str, Any]:
        """The measurements of the last update."""
        return self.measurements


class measure_with_ema(Value):
    r"""The running average of a measure, for `monitor`: $m \leftarrow d\,m + (1 - d)\,x$.

    The average skips steps at which the measure is not finite.

    >>> import jax.numpy as jnp
    >>> from gradtx import monitor
    >>> tx = monitor({"mean": measure_with_ema(lambda updates: updates, 0.5)})
    >>> state = tx.init(jnp.array(0.0))
    >>> for g in (1.0, 4.0):
    ...     _, state = tx.update(jnp.array(g), state)
    >>> print(state.measurements["mean"])  # (0.25 * 1 + 0.5 * 4) / 0.75
    3.0
    """

    measure: Measure = static(doc="the measure $x$")
    decay: float = hyperparameter(low=0.0, below=1.0, doc="$d$")
    debias: bool = static(default=True, doc="whether the average is corrected for its start at zero")
    accumulator_dtype: Any = static(
        default=None,
        convert=as_storage_dtype,
        doc="the dtype in which the average is stored; by default that of the measure, at least float32",
    )


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
        if not (isinstance(name, str) and (callable(measure) or isinstance(measure, measure_with_ema))):
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
    or wider, all 0 before the first update; the averages of `measure_with_ema`; the state of the inner
    transformation.

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
            "`updates`, `params` and extra arguments such as `value`, by name; one argument with another "
            "name means the updates, as in Optax. It returns a number, or a tree of them"
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
        return super().needs | (self._reads() - {"gradients", "updates"})

    def init(self, params: Params) -> MonitorState:
        measurements = zero_measurements(self._bare(), params)
        averages = {
            name: _Average(zero_count(), _stored(measurements[name], measure.accumulator_dtype))
            for name, measure in self._averaged().items()
        }
        return MonitorState(measurements, averages, self.inner.init(params))

    def apply(
        self, updates: Updates, state: MonitorState, params: Params = None, **extra: Any
    ) -> tuple[Updates, MonitorState]:
        changed, inner = self.update_part(self.inner, updates, state.inner_state, params, **extra)
        seen = {**extra, "gradients": updates, "updates": changed, "params": params}
        measured = measurements(self._bare(), seen, reduced_over(self.axis_name))
        averages: dict[str, _Average] = {}
        for name, measure in self._averaged().items():
            old = state.measure_states[name]
            averages[name], measured[name] = _next_average(measure, old, measured[name])
        return changed, MonitorState(measured, averages, inner)

    def _bare(self) -> dict[str, Measure]:
        return {name: x.measure if isinstance(x, measure_with_ema) else x for name, x in self.measures}

    def _averaged(self) -> dict[str, measure_with_ema]:
        return {name: measure for name, measure in self.measures if isinstance(measure, measure_with_ema)}

    def _reads(self) -> set[str]:
        return {name for measure in self._bare().values() for name in arguments_of(measure)}

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


class _Average(NamedTuple):
    """The number of steps, and their weighted sum."""

    count: Any
    ema: Any


def _next_average(measure: measure_with_ema, old: _Average, measured: Any) -> tuple[_Average, Any]:
    """The next average, and its value, which is corrected for its start at zero if it is asked for."""
    c = complement(measure.decay)
    # Skipped if not finite: an average would never lose such a number again.
    finite = all_finite(measured)
    ema = jax.tree.map(lambda m, x: m.astype(x.dtype), old.ema, measured)
    ema = jax.tree.map(partial(jnp.where, finite), incremental_update(measured, ema, c), ema)
    count = increment_if(finite, old.count)
    weights = correction(c, count) if measure.debias else jnp.ones(())
    average = _Average(count, _stored(ema, measure.accumulator_dtype))
    return average, jax.tree.map(lambda m: quotient(m, weights.astype(m.dtype)), ema)


def _stored(ema: Any, dtype: Any) -> Any:
    return ema if dtype is None else jax.tree.map(lambda m: m.astype(dtype), ema)


def measurements(
    measures: Mapping[str, Measure], seen: Mapping[str, Any], reduced: Mapping[str, Any]
) -> dict[str, Any]:
    """The number, or the tree of numbers, of each measure, with floats in the default dtype.

    Args:
      measures: measures by name.
      seen: what they read, by name.
      reduced: the argument `axis_name` for the measures that take it, or nothing.
    """

    def taken(measure: Measure) -> Any:
        arguments = (seen[name] for name in arguments_of(measure))
        return measure(*arguments, **(reduced if takes_axis_name(measure) else {}))

    return jax.tree.map(_as_number, {name: taken(measure) for name, measure in measures.items()})


def reduced_over(axis_name: AxisName) -> dict[str, Any]:
    """The argument of measures that sum over mesh axes."""
    return {} if axis_name is None else {"axis_name": axis_name}


def zero_measurements(measures: Mapping[str, Measure], params: Params) -> Any:
    """Zeros in the shapes of `measurements`."""
    # Shapes alone, as there are no gradients yet. An extra argument is taken for a number. The state may be
    # made outside of `shard_map`, without an axis to sum over.
    like, number = abstract(params), jax.ShapeDtypeStruct((), jnp.result_type(float))
    names = {name for measure in measures.values() for name in arguments_of(measure)}
    seen = {name: like if name in OF_TREES else number for name in names}
    shapes = jax.eval_shape(lambda seen: measurements(measures, seen, {"axis_name": None}), seen)
    return jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)


def _as_number(x: Any) -> Array:
    # A copy: the array may be the user's own, and the state may be donated.
    return jnp.array(x, jnp.result_type(float) if is_inexact(x) else None, copy=True)

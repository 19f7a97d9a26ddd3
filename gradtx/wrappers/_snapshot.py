"""One measure in the state of a chain."""

from functools import cached_property
from typing import Any, NamedTuple

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, Params, Updates, by_value, static
from gradtx.wrappers._measures import Measure, arguments_of
from gradtx.wrappers._measuring import measurements, zero_measurements


class SnapshotState(NamedTuple):
    """The state of `snapshot`: the last measurement, by its name."""

    measurement: dict[str, Any]

    def metrics(self) -> dict[str, Any]:
        """The measurement of the last update."""
        return self.measurement


def _as_measure(measure: Any) -> Measure:
    if not callable(measure):
        raise TypeError(
            f"snapshot: a measure is a function, got {measure!r}. For an average there is monitor({{...}})."
        )
    return by_value(measure)


class snapshot(GradientTransformation, state=SnapshotState):
    """Records one measure of the updates at its place in a chain, and passes them unchanged.

    `monitor` records several, around a transformation, and averages. A measure is a function as there.

    **State**: `SnapshotState(measurement)`: a dictionary from the name to the number, or the tree of numbers,
    of the last update, with floats in float32 or wider; 0 before the first update.

    >>> import jax.numpy as jnp
    >>> from gradtx import update_norm
    >>> tx = snapshot("norm", update_norm)
    >>> print(tx.update(jnp.array([3.0, 4.0]), tx.init(jnp.zeros(2)))[1].measurement["norm"])
    5.0
    """

    measure_name: str = static(doc="the name of the measurement")
    measure: Measure = static(convert=_as_measure, doc="the measure")
    axis_name: AxisName = static(
        default=None,
        kw_only=True,
        doc="inside `jax.shard_map`, the mesh axes over which the leaves are split, as in `monitor`",
    )

    @cached_property
    def needs(self) -> frozenset[str]:
        return super().needs | ({*arguments_of(self.measure)} - {"gradients", "updates"})

    def init(self, params: Params) -> SnapshotState:
        return SnapshotState(zero_measurements({self.measure_name: self.measure}, params)[0])

    def apply(
        self, updates: Updates, state: SnapshotState, params: Params = None, **extra: Any
    ) -> tuple[Updates, SnapshotState]:
        seen = {**extra, "gradients": updates, "updates": updates, "params": params}
        measured, _ = measurements({self.measure_name: self.measure}, {}, seen, self.axis_name)
        return updates, SnapshotState(measured)

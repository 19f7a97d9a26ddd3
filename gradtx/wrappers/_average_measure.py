"""The running average of a measure."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gradtx.arithmetic import AxisName, complement, correction, quotient
from gradtx.core import decay_factor, incremental_update, static, storage_dtype, zero_count
from gradtx.tree import cast
from gradtx.wrappers._branching import increment_if
from gradtx.wrappers._finite import all_finite
from gradtx.wrappers._measures import Measure, StatefulMeasure, arguments_of, takes_axis_name
from gradtx.wrappers._measuring import as_numbers


class Average(NamedTuple):
    """The number of steps, and their weighted sum."""

    count: Any
    ema: Any


class measure_with_ema(StatefulMeasure):
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
    decay: float = decay_factor(doc="$d$")
    debias: bool = static(default=True, doc="whether the average is corrected for its start at zero")
    accumulator_dtype: Any = storage_dtype(
        default=None,
        doc="the dtype in which the average is stored; by default that of the measure, at least float32",
    )

    @property
    def reads(self) -> tuple[str, ...]:
        """The arguments of the measure."""
        return arguments_of(self.measure)

    def init(self, *shapes: Any) -> Average:
        """The average of no numbers."""
        numbers = jax.eval_shape(lambda *seen: as_numbers(self.measure(*seen)), *shapes)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), numbers)
        return Average(zero_count(), cast(zeros, self.accumulator_dtype))

    def step(self, memory: Average, *arguments: Any, axis_name: AxisName = None) -> tuple[Any, Average]:
        """The average, corrected for its start at zero if it is asked for, and the next memory."""
        reduced = {"axis_name": axis_name} if takes_axis_name(self.measure) else {}
        measured = as_numbers(self.measure(*arguments, **reduced))
        c = complement(self.decay)
        # Skipped if not finite: an average would never lose such a number again.
        finite = all_finite(measured)
        ema = jax.tree.map(lambda m, x: m.astype(x.dtype), memory.ema, measured)
        ema = jax.tree.map(partial(jnp.where, finite), incremental_update(measured, ema, c), ema)
        count = increment_if(finite, memory.count)
        weights = correction(c, count) if self.debias else jnp.ones(())
        average = jax.tree.map(lambda m: quotient(m, weights.astype(m.dtype)), ema)
        return average, Average(count, cast(ema, self.accumulator_dtype))

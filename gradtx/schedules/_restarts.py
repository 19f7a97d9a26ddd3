"""Warm restarts: cosine cycles in sequence."""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import inf
from typing import Any

import jax.numpy as jnp
from jax import Array

from gradtx.core import Schedule, hyperparameter, nested
from gradtx.schedules._cosine import cosine_weight
from gradtx.schedules._join import join_schedules
from gradtx.schedules._progress import as_float, blend, progress
from gradtx.schedules._warmup import warmup_cosine_decay_schedule


class cosine_restarts_schedule(Schedule):
    r"""Cosine annealing with restarts at `init_value`; each cycle is at least as long as the one before.

    $$\eta_t = \eta_{\min} + \tfrac12 (\eta_{\max} - \eta_{\min})
      \left(1 + \cos \pi \frac{t - t_i}{t_{i+1} - t_i}\right), \qquad t_i \le t < t_{i+1}$$

    with $\eta_{\max}$ `init_value` and $\eta_{\min}$ `end_value`. Cycle $i$ begins at $t_i = T_0\,(1 + M +
    \dots + M^{i-1})$, to the nearest whole step, with $T_0$ `cycle_steps` and $M$ `cycle_growth`.

    **Count 0** gives `init_value`, as does every count at which a cycle begins. The value never reaches
    `end_value`. **Past the end**: the schedule has no end, and the cycles continue.

    **Reference**: Loshchilov and Hutter (2017), *SGDR: Stochastic Gradient Descent with Warm Restarts*,
    arXiv:1608.03983, equation 5 and section 3 ($T_0$, $T_{mult}$).

    >>> import jax.numpy as jnp
    >>> cosine_restarts_schedule(1.0, cycle_steps=2, cycle_growth=2.0)(jnp.array([0, 1, 2, 4, 6])).round(4)
    Array([1. , 0.5, 1. , 0.5, 1. ], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at the beginning of each cycle")
    cycle_steps: float = hyperparameter(
        low=1.0, below=inf, steps=True, doc="the number of steps of the first cycle"
    )
    cycle_growth: float = hyperparameter(
        default=1.0, low=1.0, below=inf, doc="the length of a cycle over that of the one before"
    )
    end_value: float = hyperparameter(default=0.0, doc="the value to which each cycle falls")

    def at(self, count: Array) -> Array:
        cycle = self._cycle(as_float(count))
        begin, end = self._begin(cycle), self._begin(cycle + 1.0)
        done, left = progress(count, end - begin, begin)
        return blend(self.init_value, self.end_value, cosine_weight(done), cosine_weight(left))

    def _begin(self, cycle: Array) -> Array:
        """The count at which a cycle begins: cycle_steps (1 + M + ... + M^(cycle-1))."""
        grows, growth = self._growth()
        cycles = jnp.where(grows, (growth**cycle - 1.0) / (growth - 1.0), cycle)
        return jnp.round(as_float(self.cycle_steps) * cycles)

    def _cycle(self, count: Array) -> Array:
        """The number of the cycle to which a count belongs.

        The closed form inverts `_begin` without its rounding, and so may differ by one at the beginning of a
        cycle, where the value jumps. The comparison with the neighbouring cycles corrects it.
        """
        grows, growth = self._growth()
        cycles = count / as_float(self.cycle_steps)
        closed_form = jnp.log1p(cycles * (growth - 1.0)) / jnp.log(growth)
        guess = jnp.floor(jnp.where(grows, closed_form, cycles))
        too_late, too_early = self._begin(guess) > count, self._begin(guess + 1.0) <= count
        return guess - as_float(too_late) + as_float(too_early)

    def _growth(self) -> tuple[Array, Array]:
        """Whether cycles grow, and by which factor: some number other than 1 where they do not."""
        growth = as_float(self.cycle_growth)
        grows = growth > 1.0
        return grows, jnp.where(grows, growth, 2.0)


def _as_cycles(cycles: Iterable[Any]) -> tuple[warmup_cosine_decay_schedule, ...]:
    return tuple(map(_as_cycle, cycles))


def _as_cycle(cycle: Any) -> warmup_cosine_decay_schedule:
    if isinstance(cycle, warmup_cosine_decay_schedule):
        return cycle
    return warmup_cosine_decay_schedule(**cycle)


class sgdr_schedule(Schedule):
    """Cycles of `warmup_cosine_decay_schedule`, each with its own arguments.

    **Count 0** gives `init_value` of the first cycle. A cycle has `decay_steps` steps, with its warmup.
    **Past the end**, the value stays at `end_value` of the last cycle.

    **Reference**: as for `cosine_restarts_schedule`.

    >>> import jax.numpy as jnp
    >>> cycle = dict(init_value=0.0, peak_value=1.0, warmup_steps=1, decay_steps=3)
    >>> sgdr_schedule([cycle, {**cycle, "peak_value": 0.5}])(jnp.arange(8)).round(4)
    Array([0.  , 1.  , 0.5 , 0.  , 0.5 , 0.25, 0.  , 0.  ], dtype=float32)
    """

    cosine_kwargs: Iterable[Mapping[str, Any] | warmup_cosine_decay_schedule] = nested(
        _as_cycles,
        kind="dictionaries, or schedules",
        doc="for each cycle, the arguments of `warmup_cosine_decay_schedule` by name, or this schedule",
    )

    def validate(self) -> None:
        if not self.nested:
            raise ValueError("sgdr_schedule: cosine_kwargs must have at least one cycle.")

    def composition(self) -> join_schedules:
        cycles = _as_cycles(self.cosine_kwargs)
        ends = list(accumulate(cycle.decay_steps for cycle in cycles))
        return join_schedules(cycles, ends[:-1])

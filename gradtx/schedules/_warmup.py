"""Warmup: a linear rise to the peak, alone or before a decay.

Each schedule gives `init_value` at count 0 and the peak at count `warmup_steps`. With `init_value=0.0` the
first update is zero. To avoid this, start from `peak_value / warmup_steps` with one warmup step less.
"""

from math import inf

import numpy as np

from gradtx.core import ScalarOrSchedule, Schedule, hyperparameter, static
from gradtx.schedules._checks import is_concrete
from gradtx.schedules._cosine import cosine_annealing_schedule
from gradtx.schedules._decay import exponential_decay, linear_schedule
from gradtx.schedules._join import join_schedules


class linear_warmup_schedule(Schedule):
    r"""A linear rise to the peak: $\eta_t = \eta_0 + \min(t / W, 1)\,(\eta_{\max} - \eta_0)$.

    With the peak 1 it is a factor for another schedule, or for a number.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**, from count
    `warmup_steps` on, the value stays at `peak_value`.

    **Reference**: Goyal et al. (2017), *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*,
    arXiv:1706.02677, section 2.2 (gradual warmup).

    >>> import jax.numpy as jnp
    >>> from gradtx import exponential_decay
    >>> (linear_warmup_schedule(2) * exponential_decay(8.0, 1, 0.5))(jnp.arange(5))
    Array([0. , 2. , 2. , 1. , 0.5], dtype=float32)
    """

    warmup_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the warmup"
    )
    peak_value: float = hyperparameter(default=1.0, doc="the value after the warmup")
    init_value: float = hyperparameter(default=0.0, doc="the value at count 0")

    def composition(self) -> join_schedules:
        return warmed_up(self.init_value, self.peak_value, self.warmup_steps, self.peak_value)


class warmup_constant_schedule(Schedule):
    """A linear rise to the peak, and a constant phase: `linear_schedule` with the names of a warmup.

    **Count 0** gives `init_value`. **Past the end**, from count `warmup_steps` on, the value stays at
    `peak_value`. As in Optax, with `warmup_steps` 0 it stays at `init_value`; `linear_warmup_schedule` then
    stays at the peak.

    >>> import jax.numpy as jnp
    >>> warmup_constant_schedule(0.0, 1.0, warmup_steps=2)(jnp.arange(4))
    Array([0. , 0.5, 1. , 1. ], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    peak_value: float = hyperparameter(doc="the value after the warmup")
    warmup_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the warmup"
    )

    def composition(self) -> linear_schedule:
        return linear_schedule(self.init_value, self.peak_value, self.warmup_steps)


class warmup_cosine_decay_schedule(Schedule):
    """A linear rise to the peak, then cosine annealing as in `cosine_annealing_schedule`.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**, from count
    `decay_steps` on, the value stays at `end_value`.

    Raises:
      ValueError: where `decay_steps` does not exceed `warmup_steps`.

    >>> import jax.numpy as jnp
    >>> warmup_cosine_decay_schedule(0.0, 4.0, warmup_steps=2, decay_steps=4, end_value=1.0)(jnp.arange(6))
    Array([0. , 2. , 4. , 2.5, 1. , 1. ], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    peak_value: float = hyperparameter(doc="the value after the warmup")
    warmup_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the warmup"
    )
    decay_steps: float = hyperparameter(
        low=0.0,
        below=inf,
        steps=True,
        doc=(
            "the number of all steps, with those of the warmup, as in Optax: the annealing has "
            "`decay_steps - warmup_steps` steps"
        ),
    )
    end_value: float = hyperparameter(default=0.0, doc="the value after the annealing")
    exponent: float = hyperparameter(default=1.0, low=0.0, doc="the power of the cosine curve")

    def validate(self) -> None:
        _require_annealing(self)

    def composition(self) -> join_schedules:
        steps = self.decay_steps - self.warmup_steps
        fall = cosine_annealing_schedule(self.peak_value, steps, self.end_value, self.exponent)
        return warmed_up(self.init_value, self.peak_value, self.warmup_steps, fall)


class warmup_cosine_floor_schedule(Schedule):
    r"""`warmup_cosine_decay_schedule` down to a fraction of the peak: $\eta_{\min} = f\,\eta_{\max}$.

    $f$ is `floor`. Language models are commonly trained with this schedule.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**, from count
    `decay_steps` on, the value stays at `floor * peak_value`.

    Raises:
      ValueError: for a fraction of a step, or where `decay_steps` does not exceed `warmup_steps`.

    **Reference**: Touvron et al. (2023), *LLaMA: Open and Efficient Foundation Language Models*,
    arXiv:2302.13971, section 2.3 (a final rate of a tenth of the peak).

    >>> import jax.numpy as jnp
    >>> warmup_cosine_floor_schedule(10.0, warmup_steps=2, decay_steps=4)(jnp.arange(6)).round(4)
    Array([ 0. ,  5. , 10. ,  5.5,  1. ,  1. ], dtype=float32)
    """

    peak_value: float = hyperparameter(doc="the value after the warmup")
    warmup_steps: float = hyperparameter(low=0.0, whole=True, doc="the number of steps of the warmup")
    decay_steps: float = hyperparameter(
        low=1.0, whole=True, doc="the number of all steps, with those of the warmup"
    )
    floor: float = hyperparameter(default=0.1, doc="the last value as a fraction of the peak")
    init_value: float = hyperparameter(default=0.0, doc="the value at count 0")

    def validate(self) -> None:
        _require_annealing(self)

    def composition(self) -> warmup_cosine_decay_schedule:
        return warmup_cosine_decay_schedule(
            self.init_value,
            self.peak_value,
            self.warmup_steps,
            self.decay_steps,
            end_value=self.floor * self.peak_value,
        )


class warmup_exponential_decay_schedule(Schedule):
    """A linear rise to the peak, then `exponential_decay`, which counts from the end of the warmup.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**: the decay has no
    end, or stops at `end_value`.

    >>> import jax.numpy as jnp
    >>> schedule = warmup_exponential_decay_schedule(0.0, 4.0, 2, transition_steps=1, decay_rate=0.5)
    >>> schedule(jnp.arange(6))
    Array([0. , 2. , 4. , 2. , 1. , 0.5], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    peak_value: float = hyperparameter(doc="the value after the warmup")
    warmup_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the warmup"
    )
    transition_steps: float = hyperparameter(
        low=0.0, steps=True, doc="the number of steps of the decay for one factor"
    )
    decay_rate: float = hyperparameter(above=0.0, doc="the factor")
    transition_begin: float = hyperparameter(
        default=0.0,
        low=0.0,
        steps=True,
        doc="the count, from the end of the warmup, at which the decay begins",
    )
    staircase: bool = static(default=False, doc="whether the value changes in steps instead of gradually")
    end_value: float | None = hyperparameter(default=None, doc="the bound of the value; `None` for no bound")

    def composition(self) -> join_schedules:
        decay = exponential_decay(
            self.peak_value,
            self.transition_steps,
            self.decay_rate,
            self.transition_begin,
            self.staircase,
            self.end_value,
        )
        return warmed_up(self.init_value, self.peak_value, self.warmup_steps, decay)


def warmed_up(
    init_value: float, peak_value: float, warmup_steps: float, then: ScalarOrSchedule
) -> join_schedules:
    """A linear rise to the peak, and another schedule from there."""
    return join_schedules([linear_schedule(init_value, peak_value, warmup_steps), then], [warmup_steps])


def _require_annealing(schedule: warmup_cosine_decay_schedule | warmup_cosine_floor_schedule) -> None:
    """Checks that steps are left after the warmup."""
    warmup, total = schedule.warmup_steps, schedule.decay_steps
    if is_concrete(warmup, total) and np.any(np.less_equal(total, warmup)):
        raise ValueError(
            f"{type(schedule).__name__}: decay_steps counts from the first update and must exceed "
            f"warmup_steps={warmup}, got decay_steps={total}."
        )

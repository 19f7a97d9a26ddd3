"""Warmup, a stable phase and a cooldown: training whose length need not be known in advance."""

from math import inf

from jax import Array

from gradtx.core import Schedule, hyperparameter, static
from gradtx.schedules._decay import linear_schedule
from gradtx.schedules._join import join_schedules
from gradtx.schedules._progress import blend, fraction_root, progress


class one_minus_sqrt_schedule(Schedule):
    r"""A decay that is fast at first: one minus the square root of the progress.

    $$\eta_t = \eta_1 + (\eta_0 - \eta_1)\,(1 - \sqrt{p}), \qquad p = \min(\max(t - B, 0) / T, 1)$$

    with $\eta_0$ `init_value`, $\eta_1$ `end_value`, $T$ `transition_steps` and $B$ `transition_begin`.

    **Count 0** gives `init_value`. **Past the end**, from count $B + T$ on, the value stays at `end_value`.
    With `transition_steps` 0 it stays at `init_value`.

    **Reference**: Hägele et al. (2024), *Scaling Laws and Compute-Optimal Training Beyond Fixed Training
    Durations*, arXiv:2405.18392, section 3 (the (1-sqrt) cooldown).

    >>> import jax.numpy as jnp
    >>> one_minus_sqrt_schedule(1.0, 0.0, transition_steps=4)(jnp.array([0, 1, 4, 5]))
    Array([1. , 0.5, 0. , 0. ], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    end_value: float = hyperparameter(doc="the value after the cooldown")
    transition_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the cooldown"
    )
    transition_begin: float = hyperparameter(
        default=0.0, low=0.0, steps=True, doc="the count at which the cooldown begins"
    )

    def at(self, count: Array) -> Array:
        done, left = progress(count, self.transition_steps, self.transition_begin)
        root = fraction_root(done)
        # (1 - p) / (1 + sqrt(p)) equals 1 - sqrt(p), and keeps its digits close to the end.
        return blend(self.init_value, self.end_value, root, left / (1.0 + root))


_COOLDOWNS = {"linear": linear_schedule, "1-sqrt": one_minus_sqrt_schedule}


class warmup_stable_decay_schedule(Schedule):
    """A linear warmup to the peak, a stable phase at the peak, and a cooldown.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**, after all steps
    of the three phases, the value stays at `end_value`, or at the peak where `decay_steps` is 0.

    **Reference**: Hu et al. (2024), *MiniCPM: Unveiling the Potential of Small Language Models with
    Scalable Training Strategies*, arXiv:2404.06395, section 4.2; Hägele et al. (2024), arXiv:2405.18392,
    section 3.

    >>> import jax.numpy as jnp
    >>> warmup_stable_decay_schedule(0.0, 1.0, warmup_steps=2, stable_steps=2, decay_steps=4)(jnp.arange(9))
    Array([0.  , 0.5 , 1.  , 1.  , 1.  , 0.75, 0.5 , 0.25, 0.  ], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    peak_value: float = hyperparameter(doc="the value of the stable phase")
    warmup_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the warmup"
    )
    stable_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the stable phase"
    )
    decay_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the cooldown"
    )
    end_value: float = hyperparameter(default=0.0, doc="the value after the cooldown")
    shape: str = static(
        default="linear",
        choices=tuple(_COOLDOWNS),
        doc=(
            'the shape of the cooldown, `"linear"` (`linear_schedule`) or `"1-sqrt"` '
            "(`one_minus_sqrt_schedule`)"
        ),
    )

    def composition(self) -> join_schedules:
        phases = [
            linear_schedule(self.init_value, self.peak_value, self.warmup_steps),
            self.peak_value,
            _COOLDOWNS[self.shape](self.peak_value, self.end_value, self.decay_steps),
        ]
        return join_schedules(phases, [self.warmup_steps, self.warmup_steps + self.stable_steps])

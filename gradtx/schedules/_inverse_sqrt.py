"""Inverse square root decay: by a timescale, and as in the Transformer, T5 and Adafactor papers."""

from math import inf

import jax.numpy as jnp
from jax import Array

from gradtx.core import Schedule, hyperparameter
from gradtx.schedules._decay import linear_schedule
from gradtx.schedules._join import join_schedules
from gradtx.schedules._progress import as_float


class inverse_sqrt_schedule(Schedule):
    r"""A decay with the inverse square root of the count.

    $$\eta_t = \frac{\eta_0}{\sqrt{1 + t / \tau}}$$

    with $\eta_0$ `init_value` and $\tau$ `timescale`. For $t \gg \tau$ the value is close to
    $\eta_0 \sqrt{\tau / t}$.

    **Count 0** gives `init_value`. **Past the end**: the schedule has no end, and the length of training need
    not be known.

    **Reference**: Zhai et al. (2022), *Scaling Vision Transformers*, arXiv:2106.04560 (reciprocal square
    root, with a linear cooldown).

    >>> import jax.numpy as jnp
    >>> inverse_sqrt_schedule(6.0, timescale=1.0)(jnp.array([0, 3, 8]))
    Array([6., 3., 2.], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    timescale: float = hyperparameter(
        default=10_000.0,
        above=0.0,
        below=inf,
        doc="the count at which the value has fallen by the factor 1 / sqrt(2)",
    )

    def at(self, count: Array) -> Array:
        return as_float(self.init_value) / jnp.sqrt(1.0 + as_float(count) / as_float(self.timescale))


class relative_step_schedule(Schedule):
    r"""Adafactor's step size relative to the parameters: constant, then inverse square root decay.

    $$\rho_t = \min\!\left(\rho, \frac{1}{\sqrt n}\right), \qquad n = t + 1$$

    with $\rho$ `max_value`. The paper counts its steps $n$ from 1.

    **Count 0** gives `max_value`, but at most 1. The decay begins at count $\rho^{-2} - 1$. **Past the end**:
    the schedule has no end.

    **Reference**: Shazeer and Stern (2018), *Adafactor: Adaptive Learning Rates with Sublinear Memory
    Cost*, arXiv:1804.04235, algorithm 6.

    >>> import jax.numpy as jnp
    >>> relative_step_schedule(max_value=0.5)(jnp.array([0, 3, 15]))
    Array([0.5 , 0.5 , 0.25], dtype=float32)
    """

    max_value: float = hyperparameter(default=1e-2, above=0.0, doc="the value before the decay")

    def at(self, count: Array) -> Array:
        return jnp.minimum(as_float(self.max_value), 1.0 / jnp.sqrt(as_float(count) + 1.0))


class noam_schedule(Schedule):
    r"""The Transformer paper's schedule: a linear warmup, then inverse square root decay.

    $$\eta_t = d^{-1/2} \min\!\left(n^{-1/2},\, n\,w^{-3/2}\right), \qquad n = t + 1$$

    with $d$ `model_size` and $w$ `warmup_steps`. The paper counts its steps $n$ from 1.

    **Count 0** gives $d^{-1/2} w^{-3/2}$, so the first update is not zero. The peak, $(d\,w)^{-1/2}$, is at
    count $w - 1$. **Past the end**: the schedule has no end.

    **Reference**: Vaswani et al. (2017), *Attention Is All You Need*, arXiv:1706.03762, equation 3.

    >>> import jax.numpy as jnp
    >>> noam_schedule(model_size=1, warmup_steps=4)(jnp.array([0, 1, 3, 15]))
    Array([0.125, 0.25 , 0.5  , 0.25 ], dtype=float32)
    """

    model_size: float = hyperparameter(above=0.0, below=inf, doc="the width $d$ of the model")
    warmup_steps: float = hyperparameter(
        default=4000, low=1.0, below=inf, steps=True, doc="the number of steps of the warmup"
    )

    def composition(self) -> join_schedules:
        steps = self.warmup_steps
        peak = (self.model_size * steps) ** -0.5
        rise = linear_schedule(peak / steps, peak, steps - 1.0)
        return join_schedules([rise, inverse_sqrt_schedule(peak, steps)], [steps - 1.0])


class t5_schedule(Schedule):
    r"""T5's schedule: constant, then inverse square root decay.

    $$\eta_t = \frac{1}{\sqrt{\max(t, k)}}$$

    with $k$ `warmup_steps`. It is meant for Adafactor, whose steps are relative to the parameters.

    **Count 0** gives $1 / \sqrt{k}$. **Past the end**: the schedule has no end.

    **Reference**: Raffel et al. (2020), *Exploring the Limits of Transfer Learning with a Unified
    Text-to-Text Transformer*, arXiv:1910.10683, section 3.1.2.

    >>> import jax.numpy as jnp
    >>> t5_schedule(warmup_steps=4)(jnp.array([0, 4, 16]))
    Array([0.5 , 0.5 , 0.25], dtype=float32)
    """

    warmup_steps: float = hyperparameter(
        default=10_000, above=0.0, below=inf, steps=True, doc="the number of steps of the constant phase"
    )

    def composition(self) -> join_schedules:
        peak = self.warmup_steps**-0.5
        return join_schedules([peak, inverse_sqrt_schedule(peak, self.warmup_steps)], [self.warmup_steps])

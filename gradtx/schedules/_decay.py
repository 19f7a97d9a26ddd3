"""The elementary shapes: linear, polynomial and exponential, and steps."""

from math import inf

import jax.numpy as jnp
from jax import Array

from gradtx.core import Schedule, hyperparameter, static
from gradtx.schedules._progress import as_float, blend, fraction_power, periods, power, progress


class linear_schedule(Schedule):
    r"""A straight line from one value to another.

    $$\eta_t = (1 - p)\,\eta_0 + p\,\eta_1, \qquad p = \min(\max(t - B, 0) / T, 1)$$

    with $\eta_0$ `init_value`, $\eta_1$ `end_value`, $T$ `transition_steps` and $B$ `transition_begin`.

    **Count 0** gives `init_value`, so the first update of a warmup from 0 is zero. **Past the end**, from
    count $B + T$ on, the value stays at `end_value`. With `transition_steps` 0 it stays at `init_value`.

    >>> import jax.numpy as jnp
    >>> linear_schedule(1.0, 0.0, transition_steps=4, transition_begin=1)(jnp.arange(7))
    Array([1.  , 1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    end_value: float = hyperparameter(doc="the value after the transition")
    transition_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the transition"
    )
    transition_begin: float = hyperparameter(
        default=0.0, low=0.0, steps=True, doc="the count at which the transition begins"
    )

    def at(self, count: Array) -> Array:
        done, left = progress(count, self.transition_steps, self.transition_begin)
        return blend(self.init_value, self.end_value, done, left)


class polynomial_schedule(Schedule):
    r"""A decay by a power of the part of the transition that is left.

    $$\eta_t = \eta_1 + (\eta_0 - \eta_1)\,(1 - p)^a, \qquad p = \min(\max(t - B, 0) / T, 1)$$

    with $\eta_0$ `init_value`, $\eta_1$ `end_value`, $a$ `power`, $T$ `transition_steps` and $B$
    `transition_begin`.

    **Count 0** gives `init_value`. **Past the end**, from count $B + T$ on, the value stays at `end_value`.
    With `transition_steps` 0 it stays at `init_value`.

    >>> import jax.numpy as jnp
    >>> polynomial_schedule(1.0, 0.0, power=2, transition_steps=4)(jnp.arange(6))
    Array([1.    , 0.5625, 0.25  , 0.0625, 0.    , 0.    ], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    end_value: float = hyperparameter(doc="the value after the transition")
    power: float = hyperparameter(low=0.0, doc="the exponent; 1 gives `linear_schedule`")
    transition_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the transition"
    )
    transition_begin: float = hyperparameter(
        default=0.0, low=0.0, steps=True, doc="the count at which the transition begins"
    )

    def at(self, count: Array) -> Array:
        _, left = progress(count, self.transition_steps, self.transition_begin)
        weight = fraction_power(left, self.power)
        return blend(self.init_value, self.end_value, 1.0 - weight, weight)


class exponential_decay(Schedule):
    r"""Exponential decay by a factor for every `transition_steps` steps.

    $$\eta_t = \eta_0\,\gamma^{p}, \qquad p = \max(t - B, 0) / T$$

    with $\eta_0$ `init_value`, $\gamma$ `decay_rate`, $T$ `transition_steps` and $B$ `transition_begin`.
    With `staircase`, $\lfloor p \rfloor$ replaces $p$. `end_value` is a lower bound where $\gamma < 1$, and
    an upper bound otherwise.

    **Count 0** gives `init_value`. **Past the end**: the decay has no end, or stops at `end_value`. With
    `transition_steps` 0 the value stays at `init_value`.

    >>> import jax.numpy as jnp
    >>> exponential_decay(8.0, transition_steps=2, decay_rate=0.25, end_value=0.75)(jnp.arange(6))
    Array([8.  , 4.  , 2.  , 1.  , 0.75, 0.75], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    transition_steps: float = hyperparameter(low=0.0, steps=True, doc="the number of steps for one factor")
    decay_rate: float = hyperparameter(above=0.0, doc="the factor")
    transition_begin: float = hyperparameter(
        default=0.0, low=0.0, steps=True, doc="the count at which the decay begins"
    )
    staircase: bool = static(default=False, doc="whether the value changes in steps instead of gradually")
    end_value: float | None = hyperparameter(default=None, doc="the bound of the value; `None` for no bound")

    def at(self, count: Array) -> Array:
        done = periods(count, self.transition_steps, self.transition_begin, whole=self.staircase)
        value = as_float(self.init_value) * power(self.decay_rate, done)
        if self.end_value is None:
            return value
        end = as_float(self.end_value)
        falls = as_float(self.decay_rate) < 1.0
        return jnp.where(falls, jnp.maximum(value, end), jnp.minimum(value, end))


class step_decay_schedule(Schedule):
    r"""Decay by a factor at every `transition_steps` steps: `exponential_decay` with `staircase`.

    $$\eta_t = \eta_0\,\gamma^{\lfloor t / T \rfloor}$$

    with $\eta_0$ `init_value`, $\gamma$ `decay_rate` and $T$ `transition_steps`.

    **Count 0** gives `init_value`, the value of the first `transition_steps` updates. **Past the end**: the
    schedule has no end.

    Raises:
      ValueError: for a factor above 1, as for arguments in another order, or for a fraction of a step.

    >>> import jax.numpy as jnp
    >>> step_decay_schedule(1.0, transition_steps=2, decay_rate=0.5)(jnp.arange(6))
    Array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    transition_steps: float = hyperparameter(
        low=1.0, whole=True, doc="the number of steps between two changes"
    )
    decay_rate: float = hyperparameter(default=0.1, above=0.0, high=1.0, doc="the factor")

    def composition(self) -> exponential_decay:
        return exponential_decay(self.init_value, self.transition_steps, self.decay_rate, staircase=True)

"""Warmup: a linear rise to the peak, alone or before a decay.

Each schedule gives `init_value` at count 0 and the peak at count `warmup_steps`. With `init_value=0.0` the
first update is zero. To avoid this, start from `peak_value / warmup_steps` with one warmup step less.
"""

from gradtx.schedules._checks import is_concrete, require
from gradtx.schedules._cosine import cosine_annealing_schedule
from gradtx.schedules._decay import exponential_decay, linear_schedule
from gradtx.schedules._join import join_schedules


def linear_warmup_schedule(
    warmup_steps: float, peak_value: float = 1.0, init_value: float = 0.0
) -> join_schedules:
    r"""A linear rise to the peak: $\eta_t = \eta_0 + \min(t / W, 1)\,(\eta_{\max} - \eta_0)$.

    With the peak 1 it is a factor for another schedule, or for a number.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**, from count
    `warmup_steps` on, the value stays at `peak_value`.

    Args:
      warmup_steps: the number of steps of the warmup.
      peak_value: the value after the warmup.

    **Reference**: Goyal et al. (2017), *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*,
    arXiv:1706.02677, section 2.2 (gradual warmup).

    >>> import jax.numpy as jnp
    >>> from gradtx import exponential_decay
    >>> (linear_warmup_schedule(2) * exponential_decay(8.0, 1, 0.5))(jnp.arange(5))
    Array([0. , 2. , 2. , 1. , 0.5], dtype=float32)
    """
    return join_schedules([linear_schedule(init_value, peak_value, warmup_steps), peak_value], [warmup_steps])


def warmup_constant_schedule(init_value: float, peak_value: float, warmup_steps: float) -> linear_schedule:
    """A linear rise to the peak, and a constant phase: `linear_schedule` with the names of a warmup.

    **Count 0** gives `init_value`. **Past the end**, from count `warmup_steps` on, the value stays at
    `peak_value`. As in Optax, with `warmup_steps` 0 it stays at `init_value`; `linear_warmup_schedule` then
    stays at the peak.

    Args:
      peak_value: the value after the warmup.
      warmup_steps: the number of steps of the warmup.

    >>> import jax.numpy as jnp
    >>> warmup_constant_schedule(0.0, 1.0, warmup_steps=2)(jnp.arange(4))
    Array([0. , 0.5, 1. , 1. ], dtype=float32)
    """
    return linear_schedule(init_value, peak_value, warmup_steps)


def warmup_cosine_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: float,
    decay_steps: float,
    end_value: float = 0.0,
    exponent: float = 1.0,
) -> join_schedules:
    """A linear rise to the peak, then cosine annealing as in `cosine_annealing_schedule`.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**, from count
    `decay_steps` on, the value stays at `end_value`.

    Args:
      peak_value: the value after the warmup.
      warmup_steps: the number of steps of the warmup.
      decay_steps: the number of all steps, with those of the warmup, as in Optax: the annealing has
        `decay_steps - warmup_steps` steps.
      end_value: the value after the annealing.

    Raises:
      ValueError: where `decay_steps` does not exceed `warmup_steps`.

    >>> import jax.numpy as jnp
    >>> warmup_cosine_decay_schedule(0.0, 4.0, warmup_steps=2, decay_steps=4, end_value=1.0)(jnp.arange(6))
    Array([0. , 2. , 4. , 2.5, 1. , 1. ], dtype=float32)
    """
    require("warmup_cosine_decay_schedule", "at least", 0, warmup_steps=warmup_steps, decay_steps=decay_steps)
    if is_concrete(warmup_steps, decay_steps) and decay_steps <= warmup_steps:
        raise ValueError(
            "warmup_cosine_decay_schedule: decay_steps counts from the first update and must exceed "
            f"warmup_steps={warmup_steps}, got decay_steps={decay_steps}."
        )
    rise = linear_schedule(init_value, peak_value, warmup_steps)
    fall = cosine_annealing_schedule(peak_value, decay_steps - warmup_steps, end_value, exponent)
    return join_schedules([rise, fall], [warmup_steps])


def warmup_cosine_floor_schedule(
    peak_value: float,
    warmup_steps: float,
    decay_steps: float,
    floor: float = 0.1,
    init_value: float = 0.0,
) -> join_schedules:
    r"""`warmup_cosine_decay_schedule` down to a fraction of the peak: $\eta_{\min} = f\,\eta_{\max}$.

    $f$ is `floor`. Language models are commonly trained with this schedule.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**, from count
    `decay_steps` on, the value stays at `floor * peak_value`.

    Args:
      floor: the last value as a fraction of the peak.

    **Reference**: Touvron et al. (2023), *LLaMA: Open and Efficient Foundation Language Models*,
    arXiv:2302.13971, section 2.3 (a final rate of a tenth of the peak).

    >>> import jax.numpy as jnp
    >>> warmup_cosine_floor_schedule(10.0, warmup_steps=2, decay_steps=4)(jnp.arange(6)).round(4)
    Array([ 0. ,  5. , 10. ,  5.5,  1. ,  1. ], dtype=float32)
    """
    return warmup_cosine_decay_schedule(
        init_value, peak_value, warmup_steps, decay_steps, end_value=floor * peak_value
    )


def warmup_exponential_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: float,
    transition_steps: float,
    decay_rate: float,
    transition_begin: float = 0.0,
    staircase: bool = False,
    end_value: float | None = None,
) -> join_schedules:
    """A linear rise to the peak, then `exponential_decay`, which counts from the end of the warmup.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**: the decay has no
    end, or stops at `end_value`.

    Args:
      peak_value: the value after the warmup.
      warmup_steps: the number of steps of the warmup.
      transition_steps: the number of steps of the decay for one factor.
      transition_begin: the count, from the end of the warmup, at which the decay begins.
      end_value: the bound of the value; `None` for no bound.

    >>> import jax.numpy as jnp
    >>> schedule = warmup_exponential_decay_schedule(0.0, 4.0, 2, transition_steps=1, decay_rate=0.5)
    >>> schedule(jnp.arange(6))
    Array([0. , 2. , 4. , 2. , 1. , 0.5], dtype=float32)
    """
    rise = linear_schedule(init_value, peak_value, warmup_steps)
    decay = exponential_decay(
        peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value
    )
    return join_schedules([rise, decay], [warmup_steps])

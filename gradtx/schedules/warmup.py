"""Warmup: a rise to the peak before whatever follows.

All of them give `init_value` at count 0, so that with `init_value=0.0` the first update does nothing and
the update after `warmup_steps` others is the first at the peak. Starting from `peak_value / warmup_steps`
with one warmup step less makes the first update count.
"""

from gradtx.schedules.annealing import cosine_annealing_schedule
from gradtx.schedules.checks import is_concrete, require
from gradtx.schedules.joining import join_schedules
from gradtx.schedules.shapes import exponential_decay, linear_schedule

__all__ = [
    "linear_warmup_schedule",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_cosine_floor_schedule",
    "warmup_exponential_decay_schedule",
]


def linear_warmup_schedule(
    warmup_steps: float, peak_value: float = 1.0, init_value: float = 0.0
) -> join_schedules:
    r"""A straight rise to the peak: $\eta_t = \eta_0 + \min(t / W, 1)\,(\eta_{\max} - \eta_0)$.

    With the peak 1 it is a factor for any other schedule, or for a number.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**, from count
    `warmup_steps` on, it stays at `peak_value`.

    **Reference**: Goyal et al. (2017), *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*,
    arXiv:1706.02677, section 2.2 (gradual warmup).

    >>> import jax.numpy as jnp
    >>> from gradtx import exponential_decay
    >>> (linear_warmup_schedule(2) * exponential_decay(8.0, 1, 0.5))(jnp.arange(5))
    Array([0. , 2. , 2. , 1. , 0.5], dtype=float32)
    """
    return join_schedules([linear_schedule(init_value, peak_value, warmup_steps), peak_value], [warmup_steps])


def warmup_constant_schedule(init_value: float, peak_value: float, warmup_steps: float) -> linear_schedule:
    """A straight rise to the peak, which lasts: `linear_schedule` by another name.

    **Count 0** gives `init_value`. **Past the end**, from count `warmup_steps` on, it stays at `peak_value`.
    As in Optax, with `warmup_steps` 0 it stays at `init_value`; `linear_warmup_schedule` has no such trap.

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
    """A straight rise to the peak, then cosine annealing, see `cosine_annealing_schedule`.

    `decay_steps` counts from the first update, as in Optax: the annealing itself takes
    `decay_steps - warmup_steps` steps.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**, from count
    `decay_steps` on, it stays at `end_value`.

    Raises:
      ValueError: unless `decay_steps` is above `warmup_steps`.

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

    It is how language models are commonly trained; $f$ is `floor`.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**, from count
    `decay_steps` on, it stays at `floor * peak_value`.

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
    """A straight rise to the peak, then `exponential_decay`, which counts from the end of the warmup.

    **Count 0** gives `init_value`, or the peak where `warmup_steps` is 0. **Past the end**: it decays for
    ever, or to `end_value`.

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

"""Cosine annealing: half a period of a cosine, from one value to another."""

from math import inf

import jax.numpy as jnp
from jax import Array

from gradtx.core import Schedule, hyperparameter
from gradtx.schedules._progress import as_float, blend, fraction_power, progress


class cosine_annealing_schedule(Schedule):
    r"""Half a period of a cosine from `init_value`, $\eta_{\max}$, to `end_value`, $\eta_{\min}$.

    $$\eta_t = \eta_{\min} + (\eta_{\max} - \eta_{\min})
      \left(\frac{1 + \cos(\pi \min(t / T, 1))}{2}\right)^a$$

    with $T$ `decay_steps` and $a$ `exponent`. `end_value` may exceed `init_value`.

    **Count 0** gives `init_value`. **Past the end**, from count $T$ on, the value stays at `end_value`; in
    PyTorch, `CosineAnnealingLR` rises again. With `decay_steps` 0 it stays at `init_value`.

    **Reference**: Loshchilov and Hutter (2017), *SGDR: Stochastic Gradient Descent with Warm Restarts*,
    arXiv:1608.03983, equation 5.

    >>> import jax.numpy as jnp
    >>> cosine_annealing_schedule(5.0, decay_steps=3, end_value=1.0)(jnp.arange(5)).round(4)
    Array([5., 4., 2., 1., 1.], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    decay_steps: float = hyperparameter(
        low=0.0, below=inf, steps=True, doc="the number of steps of the annealing"
    )
    end_value: float = hyperparameter(default=0.0, doc="the value after the annealing")
    exponent: float = hyperparameter(default=1.0, low=0.0, doc="the power of the cosine curve")

    def at(self, count: Array) -> Array:
        weight = _cosine_left(count, self.decay_steps, self.exponent)
        return blend(self.init_value, self.end_value, 1.0 - weight, weight)


class cosine_decay_schedule(Schedule):
    r"""Half a period of a cosine from `init_value` down to the fraction `alpha` of it.

    $$\eta_t = \eta_0 \left(\alpha + (1 - \alpha)
      \left(\frac{1 + \cos(\pi \min(t / T, 1))}{2}\right)^a\right)$$

    with $\eta_0$ `init_value`, $T$ `decay_steps` and $a$ `exponent`. `cosine_annealing_schedule` takes
    the last value itself instead of a fraction.

    **Count 0** gives `init_value`. **Past the end**, from count $T$ on, the value stays at $\alpha\,\eta_0$.

    **Reference**: as for `cosine_annealing_schedule`.

    >>> import jax.numpy as jnp
    >>> cosine_decay_schedule(4.0, decay_steps=2, alpha=0.25)(jnp.arange(4)).round(4)
    Array([4. , 2.5, 1. , 1. ], dtype=float32)
    """

    init_value: float = hyperparameter(doc="the value at count 0")
    decay_steps: float = hyperparameter(
        above=0.0, below=inf, steps=True, doc="the number of steps of the annealing"
    )
    alpha: float = hyperparameter(
        default=0.0, doc="the value after the annealing, as a fraction of `init_value`"
    )
    exponent: float = hyperparameter(default=1.0, low=0.0, doc="the power of the cosine curve")

    def at(self, count: Array) -> Array:
        weight = _cosine_left(count, self.decay_steps, self.exponent)
        return as_float(self.init_value) * blend(1.0, self.alpha, 1.0 - weight, weight)


def cosine_weight(left: Array) -> Array:
    """(1 + cos(pi (1 - left))) / 2, from 1 at `left = 1` to 0 at `left = 0`.

    It is computed as the square of a sine, which keeps its digits close to 0, unlike 1 + cos.
    """
    return jnp.square(jnp.sin(jnp.pi / 2 * left))


def _cosine_left(count: Array, steps: float, exponent: float) -> Array:
    """The part of an annealing of `steps` steps that is left: 1 at count 0, and 0 at the end."""
    _, left = progress(count, steps)
    return fraction_power(cosine_weight(left), exponent)

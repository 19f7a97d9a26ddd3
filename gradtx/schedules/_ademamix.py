"""The two warmups of AdEMAMix: of the decay of the slow average, and of its weight."""

from math import inf

import jax.numpy as jnp
import numpy as np
from jax import Array

from gradtx.core import Schedule, decay_factor, hyperparameter
from gradtx.schedules._decay import linear_schedule
from gradtx.schedules._progress import as_float, blend, progress


class ademamix_b3_schedule(Schedule):
    r"""A decay from $b_1$ to $b_3$ under which the half-life of the average grows linearly.

    $$\eta_t = 2^{-1/h_t}, \qquad h_t = (1 - p)\,h(b_1) + p\,h(b_3), \qquad h(b) = \frac{\ln 1/2}{\ln b},
      \qquad p = \min(n / T, 1), \quad n = t + 1$$

    with $T$ `transition_steps`. The half-life $h(b)$ is the number of updates after which the weight of a
    gradient has halved. The paper counts its steps $n$ from 1.

    **Count 0** gives a decay close to `b1`, after one step of $T$. **Past the end**, from count $T - 1$ on,
    the value stays at `b3`.

    **Reference**: Pagliardini, Ablin and Grangier (2024), *The AdEMAMix Optimizer: Better, Faster, Older*,
    arXiv:2409.03137, section 3 and appendix A.1.

    >>> import jax.numpy as jnp
    >>> curve = ademamix_b3_schedule(b3=0.5 ** (1 / 9), transition_steps=2, b1=0.5)(jnp.arange(3))
    >>> (-1 / jnp.log2(curve)).round(4)  # half-lives: from 1, half of the way to 9, then there
    Array([5., 9., 9.], dtype=float32)
    """

    b3: float = hyperparameter(above=0.0, below=1.0, doc="the decay after the warmup")
    transition_steps: float = hyperparameter(
        above=0.0,
        below=inf,
        steps=True,
        doc="the number of steps of the warmup, which AdEMAMix takes as that of training",
    )
    b1: float = decay_factor(default=0.9, doc="the decay from which the warmup starts")

    def at(self, count: Array) -> Array:
        done, left = progress(as_float(count) + 1.0, self.transition_steps)
        return jnp.exp2(-1.0 / blend(_half_life(self.b1), _half_life(self.b3), done, left))


class ademamix_alpha_schedule(Schedule):
    r"""The weight of AdEMAMix's slow average, which rises linearly.

    $$\eta_t = \alpha \min(n / T, 1), \qquad n = t + 1$$

    with $T$ `transition_steps`. The paper counts its steps $n$ from 1.

    **Count 0** gives $\alpha / T$. **Past the end**, from count $T - 1$ on, the value stays at `alpha`.

    **Reference**: Pagliardini, Ablin and Grangier (2024), *The AdEMAMix Optimizer: Better, Faster, Older*,
    arXiv:2409.03137, section 3.

    >>> import jax.numpy as jnp
    >>> ademamix_alpha_schedule(8.0, transition_steps=4)(jnp.arange(6))
    Array([2., 4., 6., 8., 8., 8.], dtype=float32)
    """

    alpha: float = hyperparameter(doc="the weight after the warmup")
    transition_steps: float = hyperparameter(
        low=1.0, below=inf, steps=True, doc="the number of steps of the warmup"
    )

    def composition(self) -> linear_schedule:
        steps = self.transition_steps
        return linear_schedule(self.alpha / steps, self.alpha, steps - 1.0)


def _half_life(decay: float | Array) -> float | Array:
    """The number of updates after which a weight has halved, in double precision for a concrete decay."""
    if isinstance(decay, Array):
        positive = decay > 0  # else the derivative at a decay of 0 would be a NaN
        return jnp.where(positive, -jnp.log(2.0) / jnp.log(jnp.where(positive, decay, 0.5)), 0.0)
    with np.errstate(divide="ignore"):  # a decay of 0 has the half-life 0
        return -np.log(2.0) / np.log(float(decay))

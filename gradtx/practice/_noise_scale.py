"""The gradient noise scale, from the micro-batches of `accumulate`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import interpolate, quotient
from gradtx.core import decay_factor
from gradtx.tree import nodes, norm
from gradtx.wrappers import MultiStepsState, StatefulMeasure


class NoiseMemory(NamedTuple):
    """The sum of squared norms in this cycle and their number, and the averages of both estimates."""

    total: Array
    batches: Array
    noise: Array
    signal: Array


class noise_scale(StatefulMeasure):
    r"""The gradient noise scale in micro-batches: the number of them whose noise is as large as the gradient.

    With the squared norms $|g_1|^2$ of the gradients of $k$ micro-batches, in the mean, and $|g_k|^2$ of
    their average,

    $$S = \frac{|g_1|^2 - |g_k|^2}{1 - 1/k}, \qquad |G|^2 = \frac{k\,|g_k|^2 - |g_1|^2}{k - 1}, \qquad
      B = \frac{S}{|G|^2}$$

    with an average over cycles of $S$ and $|G|^2$ each. A batch of far fewer than $B$ micro-batches is noise
    for the most part; one of far more gains little. The transformation that is measured must be `accumulate`
    itself, or contain one that gets the gradients unchanged; without one nothing is recorded. It is infinite
    where $|G|^2$ is estimated at 0 or less, and 0 before the first cycle ends.

    **Reference**: McCandlish et al. (2018), *An Empirical Model of Large-Batch Training*, arXiv:1812.06162,
    appendix A.1.

    >>> import jax.numpy as jnp
    >>> from gradtx import accumulate, metrics, monitor, sgd
    >>> tx = monitor({"noise": noise_scale()}, accumulate(sgd(1.0), 2))
    >>> state = tx.init(jnp.zeros(1))
    >>> for g in (1.0, 3.0):
    ...     _, state = tx.update(jnp.array([g]), state)
    >>> print(f"{metrics(state)['noise']:.3f}")  # S = (5 - 4) / (1 / 2), G^2 = 8 - 5
    0.667
    """

    decay: float = decay_factor(default=0.9, doc="the decay of both averages, by cycle")

    def init(self, *shapes: Any) -> NoiseMemory:
        """No cycle."""
        # An array each, since the state may be donated.
        return NoiseMemory(*(jnp.zeros((), jnp.float32) for _ in NoiseMemory._fields))

    def step(self, memory: NoiseMemory, gradients: Any, state: Any) -> tuple[Any, NoiseMemory]:
        """The noise scale, and the memory of this cycle."""
        cycle = next((node for _, node in nodes(state) if isinstance(node, MultiStepsState)), None)
        if cycle is None:
            return {}, memory
        total = memory.total + norm(gradients).astype(jnp.float32) ** 2
        number = memory.batches + 1
        ended = (cycle.mini_step == 0) & (number > 1)
        # The average stands in the state until the next cycle begins.
        whole = jax.lax.cond(ended, lambda: norm(cycle.acc_grads).astype(jnp.float32) ** 2, lambda: 0.0)
        k = jnp.maximum(number, 2)
        noise, signal = (total / k - whole) / (1 - 1 / k), (k * whole - total / k) / (k - 1)
        begins = memory.noise == 0
        weight = jnp.where(ended, jnp.where(begins, 1.0, 1 - self.decay), 0.0)
        new = (interpolate(memory.noise, noise, weight), interpolate(memory.signal, signal, weight))
        over = cycle.mini_step == 0
        kept = NoiseMemory(jnp.where(over, 0, total), jnp.where(over, 0, number), *new)
        return jnp.where(
            kept.signal > 0, quotient(kept.noise, kept.signal), jnp.where(begins, 0, jnp.inf)
        ), kept

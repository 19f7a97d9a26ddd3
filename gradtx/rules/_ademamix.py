"""AdEMAMix's direction: Adam's with a second, much slower average of the gradient."""

from typing import Any, NamedTuple

from jax import Array

from gradtx.arithmetic import Average, abs_squared, average, complement, correction, interpolate, normalized
from gradtx.core import (
    Number,
    Rule,
    decay_factor,
    hyperparameter,
    safe_increment,
    storage_dtype,
)


class ScaleByAdemamixState(NamedTuple):
    """The state of `scale_by_ademamix`: two counts, the fast and the slow average, and the average square.

    `count` is the number of updates that `m1` and `nu` have seen, and `count_m2` that of `m2`.
    """

    count: Any
    count_m2: Any
    m1: Any
    m2: Any
    nu: Any


class ScaleBySimplifiedAdEMAMixState(NamedTuple):
    """The state of `scale_by_simplified_ademamix`: the count, the sum of gradients, the average square."""

    t: Any
    m: Any
    n: Any


class scale_by_ademamix(
    Rule,
    state=ScaleByAdemamixState,
    numbers=("count", "count_m2"),
    counts=("count", "count_m2"),
    real=("nu",),
    role="normalizes",
    squares="averaged",
):
    r"""AdEMAMix's direction: a fast and a slow average of the gradient over the root of its average square.

    $$m^{(1)}_t = b_1 m^{(1)}_{t-1} + (1 - b_1)\,g_t, \qquad m^{(2)}_t = b_3 m^{(2)}_{t-1} + (1 - b_3)\,g_t,
      \qquad \nu_t = b_2 \nu_{t-1} + (1 - b_2)\,|g_t|^2$$
    $$u_t = \frac{\hat m^{(1)}_t + \alpha\,m^{(2)}_t}{\sqrt{\hat\nu_t + \epsilon_\text{root}} + \epsilon},
      \qquad \hat m^{(1)}_t = \frac{m^{(1)}_t}{1 - b_1^t}, \qquad \hat\nu_t = \frac{\nu_t}{1 - b_2^t}$$

    where $\epsilon$ is `eps` and $\epsilon_\text{root}$ is `eps_root`. The slow average is not corrected for
    its start at zero, so that it gains weight slowly. In a long run `alpha` and `b3` are warmed up, by
    `ademamix_alpha_schedule` and `ademamix_b3_schedule`.

    **State**: `ScaleByAdemamixState(count, count_m2, m1, m2, nu)`: two int32 scalars, which differ if the
    slow average began later, and three trees shaped as the parameters, in float32 or wider; `m1` in
    `mu_dtype` if given; `nu` is real for complex parameters.

    **Reference**: Pagliardini, Ablin and Grangier (2024), *The AdEMAMix Optimizer: Better, Faster, Older*,
    arXiv:2409.03137, algorithm 1. In 16 bits a step of $1 - b_3 = 10^{-4}$ would be rounded away: `mu_dtype`
    is the dtype of the fast average alone; in Optax it is that of all three. The paper tunes $\alpha$; the
    default of 5 is that of the authors' code and of `ademamix`. Optax has 6 here, and 5 in its `ademamix`.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_ademamix(b3=0.75, alpha=2.0)
    >>> update, state = tx.update(jnp.array(-0.3), tx.init(jnp.array(0.0)))
    >>> print(f"{update:.3f}")  # Adam's first direction is the sign, and the slow average adds 2 * 0.25
    -1.500
    """

    b1: Number = decay_factor(default=0.9, doc="the decay of the fast average")
    b2: Number = decay_factor(default=0.999, doc="the decay of the average square")
    b3: Number = decay_factor(default=0.9999, doc="the decay of the slow average")
    alpha: Number = hyperparameter(default=5.0, low=0.0, doc="the weight of the slow average")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root")
    eps_root: Number = hyperparameter(default=0.0, low=0.0, doc="added inside the root")
    mu_dtype: Any = storage_dtype(of="m1", default=None)

    class Once(NamedTuple):
        """The complements of the decays, the corrections, and the count of the slow average."""

        c1: Any
        c2: Any
        c3: Any
        correction1: Any
        correction2: Any
        count_m2: Any

    def once(self, count: Array, count_m2: Array) -> Once:
        c1, c2, c3 = complement(self.b1), complement(self.b2), complement(self.b3)
        return self.Once(c1, c2, c3, correction(c1, count), correction(c2, count), safe_increment(count_m2))

    def leaf(
        self, once: Once, g: Array, m1: Array, m2: Array, nu: Array
    ) -> tuple[Array, Array, Array, Array]:
        m1 = interpolate(m1, g, once.c1)
        m2 = interpolate(m2, g, once.c3)
        nu = interpolate(nu, abs_squared(g), once.c2)
        mixture = m1 / once.correction1 + self.alpha * m2
        return normalized(mixture, nu, once.correction2, self.eps, self.eps_root), m1, m2, nu


class scale_by_simplified_ademamix(
    Rule,
    state=ScaleBySimplifiedAdEMAMixState,
    numbers=("t",),
    real=("n",),
    role="normalizes",
    squares=True,
):
    r"""The direction of simplified AdEMAMix: a decaying sum of gradients plus the newest gradient once more.

    $$m_t = b_1 m_{t-1} + g_t, \qquad n_t = b_2 n_{t-1} + (1 - b_2)\,|g_t|^2, \qquad
      u_t = \frac{m_t + \alpha\,g_t}{\sqrt{\hat n_t + \epsilon_\text{root}} + \epsilon}, \qquad
      \hat n_t = \frac{n_t}{1 - b_2^t}$$

    where $\epsilon$ is `eps` and $\epsilon_\text{root}$ is `eps_root`. The sum is up to $1 / (1 - b_1)$ times
    as large as an average, so the learning rate is smaller than Adam's by that factor.

    **State**: `ScaleBySimplifiedAdEMAMixState(t, m, n)`: an int32 scalar and two trees shaped as the
    parameters, in float32 or wider; `n` is real for complex parameters.

    **Reference**: Morwani et al. (2025), *Connections between Schedule-Free Optimizers, AdEMAMix, and
    Accelerated SGD Variants*, arXiv:2502.02431.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_simplified_ademamix(b1=0.5, alpha=1.0)
    >>> update, state = tx.update(jnp.array(2.0), tx.init(jnp.array(0.0)))
    >>> update, tx.update(jnp.array(2.0), state)[0]  # (2 + 2) / 2, then (1 + 2 + 2) / 2
    (Array(2., dtype=float32), Array(2.5, dtype=float32))
    """

    b1: Number = decay_factor(default=0.99, doc="the decay of the sum of gradients")
    b2: Number = decay_factor(default=0.95, doc="the decay of the average square")
    alpha: Number = hyperparameter(default=0.0, low=0.0, doc="the further weight of the newest gradient")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root")
    eps_root: Number = hyperparameter(default=0.0, low=0.0, doc="added inside the root")

    def once(self, t: Array) -> Average:
        return average(self.b2, t)

    def leaf(self, once: Average, g: Array, m: Array, n: Array) -> tuple[Array, Array, Array]:
        m = self.b1 * m + g
        n = interpolate(n, abs_squared(g), once.c)
        return normalized(m + self.alpha * g, n, once.correction, self.eps, self.eps_root), m, n

"""ADOPT's direction: the average of gradients, each over the root of the average square before it."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import abs_squared, after, complement, interpolate, quotient, root
from gradtx.core import Number, Rule, decay_factor, hyperparameter, static, storage_dtype
from gradtx.rules._adam import ScaleByAdamState


class scale_by_adopt(Rule, state=ScaleByAdamState, real=("nu",), role="normalizes", squares=True):
    r"""ADOPT's direction: Adam's, with a second moment that excludes the gradient that it divides.

    $$z_t = \mathrm{clip}\!\left(\frac{g_t}{\max(\sqrt{\nu_{t-1}}, \epsilon)},\, \pm s_t\right), \qquad
      u_t = \mu_t = b_1 \mu_{t-1} + (1 - b_1)\,z_t, \qquad
      \nu_t = b_2 \nu_{t-1} + (1 - b_2)\,|g_t|^2$$

    where $\epsilon$ is `eps`, $t$ counts the updates before this one, and $s_t = t^{1/4}$. The first gradient
    sets the second moment, $\nu_0 = |g_0|^2$, and makes no step: $u_0 = 0$. With `nesterov`,
    $u_t = b_1 \mu_t + (1 - b_1)\,z_t$. The clipping of a complex $z_t$ bounds its magnitude. An infinite
    gradient gives NaN.

    **State**: `ScaleByAdamState(count, mu, nu)`, that of `scale_by_adam`.

    **Reference**: Taniguchi et al. (2024), *ADOPT: Modified Adam Can Converge with Any $\beta_2$ with the
    Optimal Rate*, arXiv:2411.02853, algorithm 2 (clipped ADOPT). `nesterov`, which the paper lacks, is as in
    Optax.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_adopt(b1=0.0)
    >>> update, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
    >>> update, tx.update(jnp.array(-2.0), state)[0]  # no step, then -2 over the root of 16
    (Array(0., dtype=float32), Array(-0.5, dtype=float32))
    """

    b1: Number = decay_factor(default=0.9, doc="the decay of the average direction")
    b2: Number = decay_factor(default=0.9999, doc="the decay of the average square")
    eps: Number = hyperparameter(default=1e-6, low=0.0, doc="the least root to divide by")
    mu_dtype: Any = storage_dtype(of="mu", default=None)
    nesterov: bool = static(default=False, kw_only=True, doc="whether the direction looks one step ahead")
    use_clipping: bool = static(default=True, kw_only=True, doc="whether each element of $z_t$ is bounded")
    clip_value_fn: Callable[[Array], Any] | None = static(
        default=None,
        kw_only=True,
        doc="another bound $s_t$, above 0, as a function of $t$, which is a floating-point number",
    )

    class Once(NamedTuple):
        """The complements of the decays, the bound, and whether this is the first update."""

        c1: Any
        c2: Any
        bound: Any
        first: Any

    def once(self, count: Array) -> Once:
        return self.Once(complement(self.b1), complement(self.b2), self._bound(count - 1), count == 1)

    def leaf(self, once: Once, g: Array, mu: Array, nu: Array) -> tuple[Array, Array, Array]:
        z = self._normalized(once, g, nu)
        mu = interpolate(mu, z, once.c1)
        direction = interpolate(mu, z, once.c1) if self.nesterov else mu
        square = abs_squared(g)
        nu = jnp.where(once.first, square, interpolate(nu, square, once.c2))
        return direction, mu, after(nu, direction)

    def _bound(self, t: Array) -> Any:
        if not self.use_clipping:
            return math.inf
        t = jnp.maximum(t.astype(float), 1.0)  # the step at 0 is 0 under any bound
        return root(root(t)) if self.clip_value_fn is None else self.clip_value_fn(t)

    def _normalized(self, once: Once, g: Array, nu: Array) -> Array:
        """The gradient over its root mean square, clipped by a denominator that is large enough."""
        size = jnp.maximum(jnp.maximum(root(nu), self.eps), jnp.abs(g) / once.bound)
        return jnp.where(once.first, 0.0, quotient(g, size))

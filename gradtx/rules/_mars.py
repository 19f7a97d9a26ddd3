"""MARS's direction: Adam of the gradient with a part of its change added, to reduce its variance."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    SPLIT_LEAVES,
    AxisName,
    abs_squared,
    after,
    bounded,
    complement,
    correction,
    interpolate,
    norm,
    normalized,
    shortening,
)
from gradtx.core import Number, Rule, decay_factor, hyperparameter, static, storage_dtype


class ScaleByMarsState(NamedTuple):
    """The state of `scale_by_mars`: the count, the two averages, and the gradient before this one."""

    count: Any
    mu: Any
    nu: Any
    previous: Any


class scale_by_mars(Rule, state=ScaleByMarsState, real=("nu",), role="normalizes", squares=True):
    r"""MARS's direction, leaf by leaf: that of `scale_by_adam` for a corrected gradient.

    $$\tilde c_t = c_t \cdot \min\!\left(1, \frac{r}{\|c_t\|}\right), \qquad
      c_t = g_t + \gamma\,\frac{b_1}{1 - b_1}\,(g_t - g_{t-1}), \qquad c_1 = g_1$$
    $$\mu_t = b_1 \mu_{t-1} + (1 - b_1)\,\tilde c_t, \qquad
      \nu_t = b_2 \nu_{t-1} + (1 - b_2)\,|\tilde c_t|^2, \qquad
      u_t = \frac{\hat\mu_t}{\sqrt{\hat\nu_t + \epsilon_\text{root}} + \epsilon}$$

    with $\hat\mu_t$, $\hat\nu_t$, `eps` and `eps_root` as in `scale_by_adam`, $\gamma$ the `gamma` and $r$
    the `max_norm`. A leaf becomes NaN if the norm of its corrected gradient is infinite or NaN.

    **State**: `ScaleByMarsState(count, mu, nu, previous)`: an int32 scalar and three trees shaped as the
    parameters, in float32 or wider; `mu` in `mu_dtype` if given; `nu` is real for complex parameters.

    **Reference**: Yuan et al. (2024), *MARS: Unleashing the Power of Variance Reduction for Training Large
    Models*, arXiv:2411.10438, algorithm 2 (MARS-AdamW) in its approximate form: the gradient before this one
    comes from another batch, while the exact form computes it again for this batch. The paper begins with
    $x_1 = x_0$, hence without a change; its authors' code begins with the gradient 0 before the first.
    Clipping by leaf is that of the code; the paper has one vector.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_mars(b1=0.5, b2=0.0, gamma=0.5, max_norm=10.0)
    >>> _, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
    >>> tx.update(jnp.array(2.0), state)[1].mu  # 2 + 0.5 * (2 - 4) = 1, and (4 * 0.5) * 0.5 + 1 * 0.5
    Array(1.5, dtype=float32)
    """

    b1: Number = decay_factor(default=0.95, doc="the decay of the average gradient")
    b2: Number = decay_factor(default=0.99, doc="the decay of the average square")
    gamma: Number = hyperparameter(default=0.025, low=0.0, doc="the scale of the correction")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root")
    eps_root: Number = hyperparameter(default=0.0, low=0.0, doc="added inside the root")
    max_norm: Number = hyperparameter(
        default=1.0,
        above=0.0,
        doc="the greatest norm of the corrected gradient of a leaf; infinity does not clip",
    )
    mu_dtype: Any = storage_dtype(of="mu", default=None)
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    class Once(NamedTuple):
        """Adam's numbers, the weight of the change, and whether this is the first update."""

        c1: Any
        c2: Any
        correction1: Any
        correction2: Any
        weight: Any
        first: Any

    def once(self, count: Array) -> Once:
        c1, c2 = complement(self.b1), complement(self.b2)
        weight = self.gamma * (1 - c1) / c1
        return self.Once(c1, c2, correction(c1, count), correction(c2, count), weight, count == 1)

    def leaf(
        self, once: Once, g: Array, mu: Array, nu: Array, previous: Array
    ) -> tuple[Array, Array, Array, Array]:
        corrected = self._corrected(once, g, previous)
        mu = interpolate(mu, corrected, once.c1)
        nu = interpolate(nu, abs_squared(bounded(corrected)), once.c2)
        direction = normalized(mu / once.correction1, nu, once.correction2, self.eps, self.eps_root)
        return direction, mu, nu, after(g, nu)

    def _corrected(self, once: Once, g: Array, previous: Array) -> Array:
        """The gradient with a part of its change added, clipped."""
        corrected = g + once.weight * (g - jnp.where(once.first, g, previous))
        length = norm(corrected, axis_name=self.axis_name)
        return corrected * shortening(length, self.max_norm)

"""Polyak's step: the distance of the loss from its minimum over the squared norm of the gradient."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, AxisName, quotient
from gradtx.core import Number, Rule, Updates, hyperparameter, static
from gradtx.tree import norm


class scale_by_polyak(Rule, needs=("value",)):
    r"""Multiplies the gradient by Polyak's step size, which needs the loss.

    $$u = \min\!\left(\frac{f(\theta) - f^*}{\|g\|^2 + \epsilon},\; \gamma_{\max}\right) g, \qquad
      \|g\|^2 = \sum_{\text{leaves}} \sum_i |g_i|^2$$

    where $f(\theta)$ is the extra argument `value`, $f^*$ is `f_min`, $\gamma_{\max}$ is `max_learning_rate`
    and $\epsilon$ is `eps`. With the variant `"sps+"` a loss below $f^*$ makes no step. With `"sps"` it makes
    a step along the gradient, with a factor of at least $-\gamma_{\max}$. A gradient of 0 gives an update of
    0; a loss or a norm that is infinite or NaN makes all of it NaN.

    **State**: none; with a scheduled hyperparameter, its count.

    **Raises** `ValueError` for a `value` that is not one number.

    **Reference**: Polyak (1987), *Introduction to Optimization*, section 5.3; Loizou et al. (2021),
    *Stochastic Polyak Step-size for SGD: An Adaptive Learning Rate for Fast Convergence*, arXiv:2002.10542,
    the bounded step size, with $c = 1$; Garrigos, Gower and Schaipp (2023), *Function Value Learning:
    Adaptive Learning Rates Based on the Polyak Stepsize and Function Splitting in ERM*, arXiv:2307.14528,
    for `"sps+"`; Berrada, Zisserman and Kumar (2020), *Training Neural Networks for and by Interpolation*,
    arXiv:1906.05661, for $\epsilon$. Optax makes no step where $\|g\|^2 + \epsilon$ is below 2.2e-16, and the
    factor of a loss below $f^*$ has no bound.

    >>> import jax.numpy as jnp
    >>> tx, g = scale_by_polyak(max_learning_rate=10.0), jnp.array([3.0, 4.0])
    >>> tx.update(g, tx.init(g), value=jnp.array(50.0))[0]  # 50 / 25 times the gradient
    Array([6., 8.], dtype=float32)
    """

    f_min: Number = hyperparameter(default=0.0, doc="$f^*$, the minimum of the loss, or a guess of it")
    max_learning_rate: Number = hyperparameter(
        default=1.0, low=0.0, doc=r"$\gamma_{\max}$, the greatest step size"
    )
    eps: Number = hyperparameter(default=0.0, low=0.0, doc="added to the squared norm")
    variant: str = static(
        default="sps", choices=("sps", "sps+"), doc="`sps+` counts a loss below `f_min` as `f_min`"
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    finds_rate = "the loss gives the size of each step, and max_learning_rate is a bound"

    class Once(NamedTuple):
        """The step size."""

        step_size: Array

    def once(self, updates: Updates, value: Any) -> Once:
        if jnp.shape(value) != ():
            raise ValueError(
                "scale_by_polyak: value= must be one number, the loss, got an array of shape "
                f"{jnp.shape(value)}."
            )
        length = norm(updates, axis_name=self.axis_name)
        loss, least, greatest, eps = (
            jnp.asarray(number).astype(length.dtype)
            for number in (value, self.f_min, self.max_learning_rate, self.eps)
        )
        gap = jnp.maximum(loss - least, 0.0) if self.variant == "sps+" else loss - least
        # A denominator of at least |gap| / greatest bounds the quotient, which could overflow before a
        # minimum. `fmax` takes the other one where this one is 0 / 0.
        step_size = quotient(gap, jnp.fmax(length * length + eps, jnp.abs(gap) / greatest))
        return self.Once(jnp.where(jnp.isfinite(length + gap), step_size, jnp.nan))

    def leaf(self, once: Once, g: Array) -> Array:
        return once.step_size * g

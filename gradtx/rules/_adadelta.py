"""Adadelta's direction: the gradient in the units of the parameters."""

from typing import Any, NamedTuple

from jax import Array

from gradtx.arithmetic import Weight, abs_squared, complement, interpolate, quotient, root
from gradtx.core import Number, Rule, decay_factor, hyperparameter


class ScaleByAdaDeltaState(NamedTuple):
    """The state of `scale_by_adadelta`: the average squares of the gradients and of the directions."""

    e_g: Any
    e_x: Any


class scale_by_adadelta(
    Rule, state=ScaleByAdaDeltaState, real=("e_g", "e_x"), role="normalizes", squares=True
):
    r"""Adadelta's direction: the gradient times the size of past directions over that of past gradients.

    $$E_t = \rho\,E_{t-1} + (1 - \rho)\,|g_t|^2, \qquad
      u_t = \frac{\sqrt{X_{t-1} + \epsilon}}{\sqrt{E_t + \epsilon}}\;g_t, \qquad
      X_t = \rho\,X_{t-1} + (1 - \rho)\,|u_t|^2$$

    where $E$ is `e_g` in the state, $X$ is `e_x`, $\rho$ is `rho` and $\epsilon$ is `eps`. $u_t$ is 0 where
    $E_t + \epsilon$ is 0.

    **State**: `ScaleByAdaDeltaState(e_g, e_x)`, shaped as the parameters, in float32 or wider, and real.

    **Reference**: Zeiler (2012), *ADADELTA: An Adaptive Learning Rate Method*, arXiv:1212.5701, algorithm 1.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_adadelta(rho=0.5, eps=1.0)
    >>> update, state = tx.update(jnp.array(4.0), tx.init(jnp.array(0.0)))
    >>> print(f"{update:.3f}")  # sqrt(0 + 1) / sqrt(8 + 1) * 4
    1.333
    """

    rho: Number = decay_factor(default=0.9, doc="the decay of both averages")
    eps: Number = hyperparameter(
        default=1e-6, low=0.0, doc="added inside both roots; it sets the size of the first directions"
    )

    def once(self) -> Weight:
        return Weight(complement(self.rho))

    def leaf(self, once: Weight, g: Array, e_g: Array, e_x: Array) -> tuple[Array, Array, Array]:
        square = abs_squared(g)
        e_g = interpolate(e_g, square, once.c)
        e_x = interpolate(e_x, (e_x + self.eps) * quotient(square, e_g + self.eps), once.c)
        # u comes from the new X, by X_t + rho eps = (X_{t-1} + eps) (rho + (1 - rho) |g|^2 / (E_t + eps)). No
        # term is negative, so that no digits cancel. With the old X, whose place the new one takes, XLA on
        # CPU would store the whole of u for both.
        past = root(e_x + self.rho * self.eps)
        return quotient(past * g, root(self.rho * (e_g + self.eps) + once.c * square)), e_g, e_x

"""Muon's direction: the momentum of each matrix, orthogonalized."""

from typing import Any, NamedTuple

from jax import Array

from gradtx.arithmetic import (
    complement,
    correction,
    interpolate,
)
from gradtx.core import Number, Params, decay_factor, hyperparameter, static, storage_dtype
from gradtx.rules._orthogonalize import NewtonSchulz
from gradtx.selection import dimension_numbers


class MuonState(NamedTuple):
    """The state of `scale_by_muon`: how many updates there were, and the average gradient."""

    count: Any
    mu: Any


class scale_by_muon(NewtonSchulz, state=MuonState):
    r"""Muon's direction.

    $$\mu_t = \beta \mu_{t-1} + (1 - \beta)\,g_t, \qquad
      x_t = \begin{cases} \beta \mu_t + (1 - \beta)\,g_t & \text{nesterov} \\ \mu_t & \text{else} \end{cases},
      \qquad u_t = \text{NewtonSchulz}(x_t) \approx U V^\top, \quad x_t = U \Sigma V^\top$$

    With `debias` the two terms are corrected for their start at zero, each for its own number of steps,
    $x_t = \beta \mu_t / (1 - \beta^{t+1}) + (1 - \beta)\,g_t / (1 - \beta^t)$. The gradient then has another
    weight in the first $1 / (1 - \beta)$ updates; without `nesterov` the correction changes only the size of
    `eps` beside the norm.

    Only matrices have a direction: `muon` gives the other leaves to AdamW.

    **State**: `MuonState(count, mu)`: an int32 scalar, and a tree shaped as the parameters, in float32 or
    wider, or `mu_dtype`. During an update the directions of all leaves take up to as much memory again.

    **Raises** `ValueError` for a leaf that is not a matrix, such as a bias, naming it.

    **Reference**: Jordan et al. (2024), *Muon: An optimizer for hidden layers in neural networks*,
    kellerjordan.github.io/posts/muon, in the form of its code, which averages the gradients that the post
    sums; Liu et al. (2025), *Muon is Scalable for LLM Training*, arXiv:2502.16982. Optax always corrects the
    bias, applies a table of polynomials once for any `ns_steps`, and keeps the table in its state.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_muon("polar_express", ns_steps=9)
    >>> g = jnp.array([[3.0, 0.0], [0.0, -0.1]])
    >>> print(tx.update(g, tx.init(g))[0].round(3))
    [[ 1.  0.]
     [ 0. -1.]]
    """

    beta: Number = decay_factor(default=0.95, doc="the decay of the average")
    eps: Number = hyperparameter(
        default=1e-8, low=0.0, doc="added to the norm by which a matrix is divided before the iteration"
    )
    mu_dtype: Any = storage_dtype(of="mu", default=None)
    nesterov: bool = static(default=True, kw_only=True, doc="whether the matrix looks one step ahead")
    debias: bool = static(
        default=False,
        kw_only=True,
        doc="whether the terms are corrected for their start at zero, as in Optax",
    )

    class Once(NamedTuple):
        """The weight of the gradient in the average, and the weights of the two terms of the matrix."""

        c: Any
        average: Any
        gradient: Any

    def init(self, params: Params) -> MuonState:
        dimension_numbers(self.weight_dimension_numbers, params)  # already names a leaf that is not a matrix
        return super().init(params)

    def once(self, count: Array) -> Once:
        c = complement(self.beta)
        average, gradient = (1.0 - c, c) if self.nesterov else (1.0, 0.0)
        if self.debias:
            average = average / correction(c, count, lookahead=int(self.nesterov))
            gradient = gradient / correction(c, count)
        return self.Once(c, average, gradient)

    def leaf(self, once: Once, g: Array, mu: Array) -> tuple[Array, Array]:
        mu = interpolate(mu, g, once.c)
        x = once.average * mu + once.gradient * g if self.nesterov else once.average * mu
        return self.polar_factor(x, self.eps), mu

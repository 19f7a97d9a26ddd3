"""Muon's direction: the momentum of each matrix, orthogonalized."""

from functools import partial
from typing import Any, NamedTuple

from jax import Array

from gradtx.arithmetic import (
    MATRICES,
    as_polynomials,
    complement,
    correction,
    in_order,
    interpolate,
    newton_schulz,
    on_matrices,
)
from gradtx.core import Number, Params, Rule, decay_factor, hyperparameter, static, storage_dtype, zero_count
from gradtx.selection import DimensionNumbers, as_dimension_numbers, dimension_numbers, dimension_numbers_at
from gradtx.tree import as_storage_dtype, state_like


class MuonState(NamedTuple):
    """The state of `scale_by_muon`: how many updates there were, and the average gradient."""

    count: Any
    mu: Any


class scale_by_muon(Rule, state=MuonState, role="normalizes", elementwise=False):
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

    ns_coeffs: Any = static(
        default="quintic",
        convert=as_polynomials,
        doc="the polynomials of the iteration, or the name of a table, as in `orthogonalize`",
    )
    ns_steps: int = static(default=5, low=1, doc="the number of polynomials")
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
    weight_dimension_numbers: DimensionNumbers = static(
        default=MATRICES,
        convert=as_dimension_numbers,
        at=dimension_numbers_at,
        kw_only=True,
        doc="the input axes and the output axes, as in `orthogonalize`",
    )
    ns_dtype: Any = static(
        default=None,
        convert=as_storage_dtype,
        kw_only=True,
        doc="the dtype of the factors of the matrix products, as in `orthogonalize`",
    )

    class Once(NamedTuple):
        """The weight of the gradient in the average, and the weights of the two terms of the matrix."""

        c: Any
        average: Any
        gradient: Any

    def init(self, params: Params) -> MuonState:
        dimension_numbers(self.weight_dimension_numbers, params)  # already names a leaf that is not a matrix
        return MuonState(zero_count(), state_like(params, self.mu_dtype))

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
        polynomials = in_order(self.ns_coeffs, self.ns_steps)
        polar_factor = partial(newton_schulz, polynomials=polynomials, eps=self.eps, dtype=self.ns_dtype)
        return on_matrices(polar_factor, x, self.weight_dimension_numbers), mu

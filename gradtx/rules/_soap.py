"""SOAP's direction: Adam in the eigenbases of Shampoo's statistics."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    Sides,
    abs_squared,
    as_sides,
    complement,
    correction,
    eigenbasis,
    from_matrices,
    from_sides,
    gram,
    in_order_of,
    interpolate,
    next_eigenbasis,
    quotient,
    root,
    rotate,
    rotate_back,
    to_matrices,
    with_finite_products,
)
from gradtx.core import Number, Params, decay_factor, hyperparameter, static, storage_dtype, zero_count
from gradtx.rules._matrix_sides import TwoSided
from gradtx.tree import moments_like


class ScaleBySoapState(NamedTuple):
    """The state of `scale_by_soap`: the count, Adam's averages, the statistics of both sides, their bases."""

    count: Any
    mu: Any
    nu: Any
    left: Any
    right: Any
    left_basis: Any
    right_basis: Any


class scale_by_soap(
    TwoSided,
    state=ScaleBySoapState,
    optional=("left", "right", "left_basis", "right_basis"),
):
    r"""SOAP's direction.

    $$\mu_t = b_1 \mu_{t-1} + (1 - b_1)\,G_t, \qquad
      \nu_t = b_2 \nu_{t-1} + (1 - b_2)\,|Q_L^* G_t Q_R|^2$$
    $$U_t = Q_L \left(\frac{Q_L^* \hat\mu_t Q_R}{\sqrt{\hat\nu_t} + \epsilon}\right) Q_R^*$$
    $$L_t = b_s L_{t-1} + (1 - b_s)\,G_t G_t^*, \qquad R_t = b_s R_{t-1} + (1 - b_s)\,G_t^* G_t$$

    where $b_s$ is `shampoo_beta` and $Q_L$, $Q_R$ are the eigenvectors of $L$, $R$. Those of $t = 1$ come
    from a decomposition. From then on, once in `update_interval` updates, one step of orthogonal iteration,
    $Q \leftarrow \mathrm{QR}(L Q)$, makes those of the updates that follow.

    The momentum $\mu$ stays in the space of the parameters and is rotated at each update, so that a change of
    basis does not change it. The average square $\nu$ belongs to the basis, and is put in the order of its
    new vectors.

    **The first update is zero**: it makes the bases. In the bases of its own singular vectors the first
    gradient is diagonal, and the division by the root would scale the rounding errors beside the diagonal to
    size 1, as it does every element. The first gradient enters neither $\mu$ nor $\nu$; their corrections
    $\hat\mu = \mu / (1 - b_1^{t-1})$ and $\hat\nu = \nu / (1 - b_2^{t-1})$ count from the second on.

    Equal eigenvalues leave the basis of their vectors open, and rounding picks one: the zeros of a matrix
    that is far from square, before many gradients are averaged, are such. Two programs of the same arithmetic
    may then take different steps. Squares of float32 gradients vanish below 1e-22.

    Only matrices have a direction: `soap` gives the other leaves to AdamW.

    **State**: `ScaleBySoapState(count, mu, nu, left, right, left_basis, right_basis)`: an int32 scalar; two
    trees shaped as the parameters, `nu` real, `mu` in `mu_dtype` if given; and four trees with, for each
    leaf, the batch axes and a square of the size of that side, or a `MaskedNode` above `max_size`; in float32
    or wider. On a mesh the rows of the squares are split as those of the parameter.

    **Raises** `ValueError` for a leaf that is not a matrix, such as a bias, naming it.

    **Reference**: Vyas et al. (2024), *SOAP: Improving and Stabilizing Shampoo using Adam*,
    arXiv:2409.11321, algorithms 3 and 4, which leave out the start and the correction of the bias. Both, and
    the order of the vectors, are as in the authors' code, with one exception: that code adds `eps` to the
    root of $\nu_t$ before its correction. Its default for `shampoo_beta` is the value of `b2`. It has a basis
    for each axis of a larger tensor; here such a tensor is a batch of matrices, or its axes are joined.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_soap(b1=0.0, b2=0.0, eps=0.0)
    >>> g = jnp.array([[0.0, 0.5], [-3.0, 0.0]])  # a stretched quarter turn
    >>> update, state = tx.update(g, tx.init(g))
    >>> print(update)
    [[0. 0.]
     [0. 0.]]
    >>> print(tx.update(g, state)[0].round(3))
    [[ 0.  1.]
     [-1.  0.]]
    """

    b1: Number = decay_factor(default=0.95, doc="the decay of the average gradient")
    b2: Number = decay_factor(default=0.95, doc="the decay of the average square")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root, as in `scale_by_adam`")
    shampoo_beta: Number = decay_factor(default=0.95, doc="the decay of the statistics")
    update_interval: int = static(default=10, low=1, doc="the number of updates that a basis serves")
    early_refreshes: bool = static(
        default=False,
        kw_only=True,
        doc=(
            "whether the bases are also renewed after the updates 2, 3, 5, 9, ... of the first interval. The "
            "bases of the first gradient alone are poor ones for all of it; the published rule keeps them"
        ),
    )
    max_size: int = static(
        default=10000,
        low=0,
        kw_only=True,
        doc=(
            "the largest side that is rotated: a larger one has no state. With two such sides the rule is "
            "Adam, one update late"
        ),
    )
    mu_dtype: Any = storage_dtype(of="mu", default=None, kw_only=True)

    class Once(NamedTuple):
        """The weights of the gradient in the averages and the statistics, the corrections, when to renew."""

        c1: Array
        c2: Array
        c3: Any
        correction1: Array
        correction2: Array
        first: Array
        refresh: Array

    def init(self, params: Params) -> ScaleBySoapState:
        averages = moments_like(params, self.mu_dtype)
        statistics, bases = (self.zeros_of_sides(params) for _ in range(2))
        return ScaleBySoapState(zero_count(), *averages, *statistics, *bases)

    def once(self, count: Array) -> Once:
        before, first = count - 1, count == 1
        cs = complement(self.b1), complement(self.b2)
        # The first gradient weighs nothing in the averages; without weights there is nothing to correct.
        c1, c2 = (jnp.where(first, 0.0, c) for c in cs)
        correction1, correction2 = (jnp.where(first, 1.0, correction(c, before)) for c in cs)
        refresh = before % self.update_interval == 0
        if self.early_refreshes:
            refresh |= (before < self.update_interval) & (before & (before - 1) == 0)  # powers of two
        return self.Once(c1, c2, complement(self.shampoo_beta), correction1, correction2, first, refresh)

    def leaf(
        self,
        once: Once,
        g: Array,
        mu: Array,
        nu: Array,
        left: Array | None,
        right: Array | None,
        left_basis: Array | None,
        right_basis: Array | None,
    ) -> tuple[Array | None, ...]:
        spec, bases = self.weight_dimension_numbers, as_sides(left_basis, right_basis)
        g = with_finite_products(g)
        mu = interpolate(mu, g, once.c1)
        x, m, v = (to_matrices(leaf, spec) for leaf in (g, mu, nu))
        v = interpolate(v, abs_squared(rotate(x, bases)), once.c2)
        u = quotient(rotate(m, bases) / once.correction1, root(v / once.correction2) + self.eps)
        u = rotate_back(u, bases)
        statistics = {s: interpolate(a, gram(x, s), once.c3) for s, a in as_sides(left, right).items()}
        if statistics:
            bases, v = _refreshed(once, statistics, bases, v)
        sides = *from_sides(statistics, left, right), *from_sides(bases, left_basis, right_basis)
        return from_matrices(u, g, spec), mu, from_matrices(v, nu, spec), *sides


def _refreshed(once: scale_by_soap.Once, statistics: Sides, bases: Sides, v: Array) -> tuple[Sides, Array]:
    """The bases for the next update, and the average square in the order of their vectors."""

    def kept() -> tuple[Sides, Array]:
        return bases, v

    def begun() -> tuple[Sides, Array]:
        return {side: eigenbasis(a) for side, a in statistics.items()}, v

    def iterated() -> tuple[Sides, Array]:
        new, sorted_v = dict(bases), v
        for side, a in statistics.items():
            new[side], values = next_eigenbasis(a, bases[side])
            sorted_v = in_order_of(values, sorted_v, side)
        return new, sorted_v

    return jax.lax.switch(once.refresh.astype(int) + once.first.astype(int), (kept, iterated, begun))

"""Shampoo's direction: the gradient preconditioned from its two sides."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    as_sides,
    complement,
    correction,
    from_matrices,
    from_sides,
    gram,
    interpolate,
    inverse_root,
    rotate,
    to_matrices,
    with_finite_products,
)
from gradtx.core import Number, Params, hyperparameter, static, zero_count
from gradtx.rules._matrix_sides import TwoSided


class ScaleByShampooState(NamedTuple):
    """The state of `scale_by_shampoo`: the count, the statistics of both sides, and their inverse roots."""

    count: Any
    left: Any
    right: Any
    left_root: Any
    right_root: Any


class scale_by_shampoo(
    TwoSided,
    state=ScaleByShampooState,
    optional=("left", "right", "left_root", "right_root"),
):
    r"""Shampoo's direction: the gradient times inverse roots of its row and column covariances.

    $$L_t = b_2 L_{t-1} + w\,G_t G_t^*, \qquad R_t = b_2 R_{t-1} + w\,G_t^* G_t$$
    $$U_t = \hat L_t^{-p/2}\,G_t\,\hat R_t^{-p/2}$$

    where $w = 1$ sums ($b_2 = 1$) and $w = 1 - b_2$ averages, with $\hat L_t = L_t / (1 - b_2^t)$ then; $p$
    is `exponent`, and $\hat A^{-p/2}$ is $(\hat A + \epsilon\,\lambda_{\max}(\hat A)\,I)^{-p/2}$ with `eps`.
    The roots are computed at the first update, and once in `update_interval` updates from then on.

    It is AdaGrad with the full matrix of products of gradients, approximated by $(L \otimes R)^{1/2}$, hence
    $p = 1/2$. The size of the direction follows from this power and falls as $L$ and $R$ grow; `shampoo`
    takes the size from another rule. The roots of statistics of zeros alone are the identity.

    Only matrices have a direction: `shampoo` gives the other leaves to AdamW.

    **State**: `ScaleByShampooState(count, left, right, left_root, right_root)`: an int32 scalar and four
    trees with, for each leaf, the batch axes and a square of the size of that side, or a `MaskedNode` above
    `max_size`; in float32 or wider, complex for complex leaves. On a mesh their rows are split as those of
    the parameter.

    **Raises** `ValueError` for a leaf that is not a matrix, such as a bias, naming it.

    **Reference**: Gupta, Koren and Singer (2018), *Shampoo: Preconditioned Stochastic Tensor Optimization*,
    arXiv:1802.09568, algorithm 1, which starts the statistics from $\epsilon I$ (here they start from 0, and
    `eps` enters the root); Anil et al. (2020), *Scalable Second Order Optimization for Deep Learning*,
    arXiv:2002.09018, for the interval, the relative `eps` and the limit of the size; Shi et al. (2023),
    arXiv:2309.06497, section 3, for averages. The paper has a factor for each axis of a larger tensor; here
    such a tensor is a batch of matrices, or its axes are joined.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_shampoo(eps=0.0)
    >>> g = jnp.array([[0.0, 0.5], [-3.0, 0.0]])  # a stretched quarter turn
    >>> print(tx.update(g, tx.init(g))[0].round(3))  # the direction of one gradient is its polar factor
    [[ 0.  1.]
     [-1.  0.]]
    """

    b2: Number = hyperparameter(
        default=1.0, low=0.0, high=1.0, doc="the decay of the statistics; 1 sums them"
    )
    eps: Number = hyperparameter(
        default=1e-6,
        low=0.0,
        doc=(
            "relative to the greatest eigenvalue, so that the direction does not depend on the scale of the "
            "gradient"
        ),
    )
    exponent: Number = hyperparameter(
        default=0.5,
        above=0.0,
        doc="the total power: each of two sides has half of it, and a single side all of it",
    )
    update_interval: int = static(default=1, low=1, doc="the number of updates that the roots serve")

    class Once(NamedTuple):
        """The weight of the new products, whether they are summed, the correction, and when to renew."""

        c: Any
        sums: Array
        correction: Array
        due: Array

    def init(self, params: Params) -> ScaleByShampooState:
        return ScaleByShampooState(zero_count(), *self.zeros_of_sides(params), *self.zeros_of_sides(params))

    def once(self, count: Array) -> Once:
        c = complement(self.b2)
        sums = jnp.asarray(c) == 0
        corrected = jnp.where(sums, 1.0, correction(c, count))
        return self.Once(c, sums, corrected, (count - 1) % self.update_interval == 0)

    def leaf(
        self,
        once: Once,
        g: Array,
        left: Array | None,
        right: Array | None,
        left_root: Array | None,
        right_root: Array | None,
    ) -> tuple[Array | None, ...]:
        statistics = as_sides(left, right)
        if not statistics:
            return g, left, right, left_root, right_root
        g = with_finite_products(g)
        x, exponent = to_matrices(g, self.weight_dimension_numbers), self.exponent / len(statistics)
        statistics = {side: _accumulated(a, gram(x, side), once) for side, a in statistics.items()}
        roots = jax.lax.cond(
            once.due,
            lambda: {s: inverse_root(a / once.correction, exponent, self.eps) for s, a in statistics.items()},
            lambda: as_sides(left_root, right_root),
        )
        update = from_matrices(rotate(x, roots), g, self.weight_dimension_numbers)
        return update, *from_sides(statistics, left, right), *from_sides(roots, left_root, right_root)


def _accumulated(total: Array, new: Array, once: scale_by_shampoo.Once) -> Array:
    return jnp.where(once.sums, total + new, interpolate(total, new, once.c))

"""Trust ratios: the update of each layer, scaled to the norm of its parameters."""

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, UNBOUNDED, AxisName, Bounds, as_bounds, norm, trust_ratio
from gradtx.core import Number, Rule, hyperparameter, static
from gradtx.selection import MASK_FIELD, Mask


class scale_by_trust_ratio(Rule, needs=("params",), role="normalizes"):
    r"""Scales the update of each leaf to the norm of its parameters.

    $$u = \eta\,\frac{\phi(\|\theta\|)}{\|g\| + \epsilon}\,g, \qquad
      \phi(z) = \min(\max(z, \phi_\text{low}), \phi_\text{high})$$

    where $\eta$ is `trust_coefficient`, $\epsilon$ is `eps`, and $(\phi_\text{low}, \phi_\text{high})$ are
    `norm_bounds`. The ratio is 1 where $\phi(\|\theta\|)$ or $\|g\|$ is 0, so that parameters that start at
    zero move. A leaf becomes NaN where one of the two is infinite or NaN.

    Norms are summed in at least float32.

    **State**: none; with a scheduled hyperparameter, its count.

    **Reference**: You et al. (2020), *Large Batch Optimization for Deep Learning: Training BERT in 76
    minutes*, arXiv:1904.00962, algorithm 2; a leaf is a layer.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_trust_ratio()
    >>> params = {"kernel": jnp.array([3.0, 4.0]), "bias": jnp.zeros(2)}
    >>> updates = {"kernel": jnp.array([0.0, 2.0]), "bias": jnp.array([0.5, 0.5])}
    >>> tx.update(updates, tx.init(params), params)[0]
    {'bias': Array([0.5, 0.5], dtype=float32), 'kernel': Array([0., 5.], dtype=float32)}
    """

    min_norm: Number = hyperparameter(default=0.0, low=0.0, doc="the least value that either norm counts as")
    trust_coefficient: Number = hyperparameter(
        default=1.0, low=0.0, doc=r"$\eta$, the ratio of the update's norm to the parameters'"
    )
    eps: Number = hyperparameter(default=0.0, low=0.0, doc="added to the norm of the update")
    norm_bounds: Bounds = static(
        default=UNBOUNDED,
        convert=as_bounds,
        kw_only=True,
        doc="the least and the greatest value that the norm of the parameters counts as",
    )
    mask: Mask = static(
        default=None,
        **MASK_FIELD,
        kw_only=True,
        doc=(
            "the leaves that are scaled, as in `add_decayed_weights`; the others pass unchanged. Biases and "
            "the parameters of normalization are often left out: `except_bias_norm_embedding`"
        ),
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    def leaf(self, g: Array, p: Array) -> Array:
        if not self.mask:
            return g
        size, length = (jnp.maximum(norm(x, axis_name=self.axis_name), self.min_norm) for x in (p, g))
        size = jnp.clip(size, *self.norm_bounds)
        return g * trust_ratio(size, length, self.trust_coefficient, self.eps)

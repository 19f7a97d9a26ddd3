"""LARS's direction: the gradient with weight decay, with a learning rate for each layer."""

from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, AxisName, norm, trust_ratio
from gradtx.core import Number, Rule, hyperparameter, static
from gradtx.selection import MASK_FIELD, Mask


class scale_by_lars(Rule, needs=("params",), role="normalizes"):
    r"""LARS's direction, leaf by leaf.

    $$u = \eta\,\frac{\|\theta\|}{\|g\| + \lambda\,\|\theta\| + \epsilon}\,(g + \lambda\,\theta)$$

    where $\lambda$ is `weight_decay`, $\eta$ is `trust_coefficient` and $\epsilon$ is `eps`. The factor
    is 1 where $\|\theta\|$ or the sum of the norms is 0. A leaf with a norm that is infinite or NaN
    becomes NaN. The norms and the result are in at least float32.

    **State**: none; with a scheduled hyperparameter, its count.

    **Reference**: You, Gitman and Ginsburg (2017), *Large Batch Training of Convolutional Networks*,
    arXiv:1708.03888, algorithm 1. Optax divides by the norm of the sum,
    $\|g + \lambda\,\theta\|$: that is `add_decayed_weights` before `scale_by_trust_ratio`.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_lars(weight_decay=0.5, trust_coefficient=1.0)
    >>> params = jnp.array([0.0, 4.0])
    >>> tx.update(jnp.array([2.0, 0.0]), tx.init(params), params)[0]  # 4 / (2 + 0.5 * 4) = 1
    Array([2., 2.], dtype=float32)
    """

    weight_decay: Number = hyperparameter(default=0.0, low=0.0, doc="the strength of the weight decay")
    weight_decay_mask: Mask = static(
        default=None, **MASK_FIELD, doc="the leaves that decay, as in `add_decayed_weights`"
    )
    trust_coefficient: Number = hyperparameter(
        default=1e-3, low=0.0, doc=r"$\eta$: the ratio of the norm of the update to that of the parameters"
    )
    eps: Number = hyperparameter(default=0.0, low=0.0, doc="added to the denominator of the ratio")
    trust_ratio_mask: Mask = static(
        default=None, **MASK_FIELD, doc="the leaves that are scaled, as in `scale_by_trust_ratio`"
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    def leaf(self, g: Array, p: Array) -> Array:
        decayed = g + self.weight_decay * p if self.weight_decay_mask else g
        if not self.trust_ratio_mask:
            return decayed
        size, length = (norm(x, axis_name=self.axis_name) for x in (p, g))
        if self.weight_decay_mask:
            length = length + self.weight_decay * size
        return decayed * trust_ratio(size, length, self.trust_coefficient, self.eps)

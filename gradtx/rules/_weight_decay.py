"""Weight decay, decoupled or coupled by its place in the chain, and a mask of the leaves that decay."""

import jax.numpy as jnp
from jax import Array

from gradtx.core import Number, Rule, ScalarOrSchedule, checks_keywords, hyperparameter, static
from gradtx.selection import MASK_FIELD, Mask


class add_decayed_weights(Rule, needs=("params",), role="decays"):
    r"""Adds a multiple of the parameters to the updates: $u = g + \lambda\,\theta$.

    After the adaptive scaling and before the learning rate this is *decoupled* weight decay: each
    parameter shrinks by the factor $1 - \eta\lambda$ a step, whatever its gradients. Before the adaptive
    scaling the decay is a part of the gradient and is rescaled with it: that is `l2_regularization`.

    The sum is formed in at least float32: 16 bits would round a small decay away.

    **State**: none; with a scheduled `weight_decay`, its count.

    **Reference**: Loshchilov and Hutter (2019), *Decoupled Weight Decay Regularization*,
    arXiv:1711.05101, algorithm 2. There the decay is multiplied by the schedule alone; here, as in Optax
    and PyTorch, it is multiplied by the whole learning rate that follows in the chain. Chen et al. (2025),
    *Cautious Weight Decay*, arXiv:2510.12402, algorithm 1, for `cautious`; `corrected_weight_decay` makes
    another schedule for $\lambda$.

    >>> import jax.numpy as jnp
    >>> tx = add_decayed_weights(0.1, mask={"kernel": True, "bias": False})
    >>> params = {"kernel": jnp.full(2, 3.0), "bias": jnp.full(1, 3.0)}
    >>> tx.update({"kernel": jnp.ones(2), "bias": jnp.ones(1)}, tx.init(params), params)[0]
    {'bias': Array([1.], dtype=float32), 'kernel': Array([1.3, 1.3], dtype=float32)}
    """

    weight_decay: Number = hyperparameter(default=0.0, low=0.0, doc=r"the strength $\lambda$ of the decay")
    mask: Mask = static(
        default=None,
        **MASK_FIELD,
        doc=(
            "the leaves that decay: a tree of booleans or a prefix of one, or a function from parameters to "
            'it, such as `except_bias_norm_embedding` or `by_path({"bias|norm": False, ".*": True})`. A '
            "function sees shapes and dtypes, not values. `None` decays everything"
        ),
    )
    cautious: bool = static(
        default=False,
        kw_only=True,
        doc=(
            "whether only those elements decay that the step moves towards zero or leaves unchanged: "
            r"$u = g + \lambda\,\mathbb 1[g\,\theta \ge 0]\,\theta$. Here $g$ is a direction, which the "
            "learning rate after it reverses"
        ),
    )

    def leaf(self, g: Array, p: Array) -> Array:
        if not self.mask:
            return g
        return _with_agreeing_decay(g, p, self.weight_decay) if self.cautious else g + self.weight_decay * p


@checks_keywords
def l2_regularization(strength: ScalarOrSchedule, mask: Mask = None) -> add_decayed_weights:
    r"""The gradient of $\frac{\lambda}{2}\|\theta\|^2$, added to the updates: weight decay, *coupled*.

    It is `add_decayed_weights` under the name for its place before an adaptive scaling, where the penalty is
    a part of the loss. With plain gradient descent the two are the same.

    Args:
      strength: the factor $\lambda$ of the penalty, a number or a schedule.
      mask: the leaves that decay, as in `add_decayed_weights`.

    **Reference**: Loshchilov and Hutter (2019), arXiv:1711.05101, section 1 and algorithm 2, for its effect
    before Adam: parameters with large gradients are regularized less.

    >>> import jax.numpy as jnp
    >>> tx = l2_regularization(0.5)
    >>> tx.update(jnp.array(0.0), tx.init(jnp.array(2.0)), jnp.array(2.0))[0]
    Array(1., dtype=float32)
    """
    return add_decayed_weights(strength, mask)


def _with_agreeing_decay(g: Array, p: Array, weight_decay: Array) -> Array:
    if jnp.iscomplexobj(g):
        return g + weight_decay * jnp.where((g * p.conj()).real >= 0, p, 0.0)
    # Both signs are turned so that the parameter is positive, and `g` is read once: XLA on CPU stores the
    # result of a division that is read twice. Nor is a sign lost in a product that is too small.
    side = jnp.where(p < 0, -1.0, 1.0)
    mirrored = side * g
    return side * (mirrored + weight_decay * jnp.where(mirrored >= 0, jnp.abs(p), 0.0))

"""LAMB's direction: Adam's with weight decay, scaled to the norm of each layer's parameters."""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.lax import optimization_barrier
from jax.typing import ArrayLike

from gradtx.arithmetic import (
    SPLIT_LEAVES,
    UNBOUNDED,
    AxisName,
    Bounds,
    Moments,
    abs_squared,
    as_bounds,
    interpolate,
    moments,
    norm,
    normalized,
    trust_ratio,
)
from gradtx.core import Number, hyperparameter, static, storage_dtype
from gradtx.rules._adam import TwoMoments
from gradtx.selection import MASK_FIELD, Mask


class scale_by_lamb(TwoMoments, needs=("params",)):
    r"""LAMB's direction, leaf by leaf.

    $$u = \frac{\phi(\|\theta\|)}{\|r\|}\,r, \qquad
      r = \frac{\hat\mu}{\sqrt{\hat\nu + \epsilon_\text{root}} + \epsilon} + \lambda\,\theta$$

    with $\hat\mu$, $\hat\nu$, `eps` and `eps_root` as in `scale_by_adam`, $\lambda$ the `weight_decay`, and
    $\phi$ and the ratio as in `scale_by_trust_ratio`. It is the composition `chain(scale_by_adam(...),
    add_decayed_weights(...), scale_by_trust_ratio(...))`, to rounding, in one step that never stores the
    whole of $r$.

    **State**: `ScaleByAdamState(count, mu, nu)`, that of `scale_by_adam`.

    **Reference**: You et al. (2020), *Large Batch Optimization for Deep Learning: Training BERT in 76
    minutes*, arXiv:1904.00962, algorithm 2; a leaf is a layer.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_lamb(eps=0.0)
    >>> params = jnp.array([0.0, 0.0, 3.0, 4.0])
    >>> update, state = tx.update(jnp.array([0.1, -0.2, 7.0, 1.0]), tx.init(params), params)
    >>> jnp.round(update, 4)  # Adam's first direction has the length 2, the parameters have 5
    Array([ 2.5, -2.5,  2.5,  2.5], dtype=float32)
    """

    eps: Number = hyperparameter(default=1e-6, low=0.0, doc="added to the root")
    weight_decay: Number = hyperparameter(default=0.0, low=0.0, doc="the strength of the weight decay")
    mask: Mask = static(default=None, **MASK_FIELD, doc="the leaves that decay, as in `add_decayed_weights`")
    mu_dtype: Any = storage_dtype(of="mu", default=None, kw_only=True)
    trust_ratio_mask: Mask = static(
        default=None,
        **MASK_FIELD,
        kw_only=True,
        doc="the leaves that are scaled, as in `scale_by_trust_ratio`",
    )
    norm_bounds: Bounds = static(
        default=UNBOUNDED,
        convert=as_bounds,
        kw_only=True,
        doc=r"the least and the greatest value of $\phi$, as in `scale_by_trust_ratio`",
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    def once(self, count: Array) -> Moments:
        return moments(self.b1, self.b2, count)

    def leaf(self, once: Moments, g: Array, mu: Array, nu: Array, p: Array) -> tuple[Array, Array, Array]:
        mu = interpolate(mu, g, once.c1)
        nu = interpolate(nu, abs_squared(g), once.c2)
        r = self._direction(once, mu, nu, p)
        if self.trust_ratio_mask:
            # The direction is computed twice, once for its norm and once in the loop that reads it. Without
            # the barrier the compiler would merge the two, and XLA on CPU would store the whole direction.
            size = norm(p, axis_name=self.axis_name)
            unit = jnp.maximum(self.weight_decay * size, 1.0)
            again = self._direction(once, *optimization_barrier((mu, nu, p)), unit=unit)
            length = unit * norm(again, axis_name=self.axis_name, stored=False)
            r = r * trust_ratio(jnp.clip(size, *self.norm_bounds), length)
        return r, mu, nu

    def _direction(self, once: Moments, mu: Array, nu: Array, p: Array, unit: ArrayLike = 1.0) -> Array:
        """The direction of Adam with weight decay, in multiples of `unit`."""
        first = mu / (once.correction1 * unit)
        adam = normalized(first, nu, once.correction2, self.eps, self.eps_root)
        return adam + self.weight_decay / unit * p if self.mask else adam

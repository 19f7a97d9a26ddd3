"""Normalization: the whole update, divided by its norm."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, AxisName, quotient
from gradtx.core import Number, Rule, Updates, checks_keywords, hyperparameter, static
from gradtx.tree import norm


class normalize_by_update_norm(Rule, role="normalizes"):
    r"""Divides the whole update by its norm, so that only its direction remains.

    $$u = \frac{s\,g}{\|g\| + \epsilon}, \qquad \|g\|^2 = \sum_{\text{leaves}} \sum_i |g_i|^2$$

    where $s$ is `scale_factor` and $\epsilon$ is `eps`. The norm, over all leaves as one vector, is
    accumulated in at least float32. A norm of 0 gives an update of 0; one that is infinite or NaN makes all
    of it NaN.

    **State**: none; with a scheduled hyperparameter, its count.

    **Reference**: Hazan, Levy and Shalev-Shwartz (2015), *Beyond Convexity: Stochastic Quasi-Convex
    Optimization*, arXiv:1507.02030, algorithm 1.

    >>> import jax.numpy as jnp
    >>> tx = normalize_by_update_norm(2.0, eps=0.0)
    >>> tx.update({"a": jnp.array(3.0), "b": jnp.array(-4.0)}, tx.init({"a": 0.0, "b": 0.0}))[0]
    {'a': Array(1.2, dtype=float32), 'b': Array(-1.6, dtype=float32)}
    """

    scale_factor: Number = hyperparameter(default=1.0, doc="the length $s$ of the result")
    eps: Number = hyperparameter(
        default=1e-6, low=0.0, doc="added to the norm, so that the result vanishes with the update"
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    class Once(NamedTuple):
        """The factor that brings the update to its length."""

        factor: Array

    def once(self, updates: Updates) -> Once:
        length = norm(updates, axis_name=self.axis_name)
        wanted, eps = (jnp.asarray(number, length.dtype) for number in (self.scale_factor, self.eps))
        factor = quotient(wanted, length + eps)
        return self.Once(jnp.where(jnp.isfinite(length), factor, jnp.nan))

    def leaf(self, once: Once, g: Array) -> Array:
        return g * once.factor


@checks_keywords
def normalize(*, axis_name: AxisName = None) -> normalize_by_update_norm:
    """Divides the whole update by its norm, to length 1: `normalize_by_update_norm` without epsilon.

    >>> import jax.numpy as jnp
    >>> normalize().update(jnp.array([3.0, 4.0]), normalize().init(jnp.zeros(2)))[0]
    Array([0.6, 0.8], dtype=float32)
    """
    return normalize_by_update_norm(eps=0.0, axis_name=axis_name)

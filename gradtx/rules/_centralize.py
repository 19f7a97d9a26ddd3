"""Gradient centralization: the gradient of each output's weights, minus its mean."""

import jax.numpy as jnp
from jax import Array

from gradtx.core import Rule, static

Axes = int | tuple[int, ...]


class centralize(Rule, elementwise=False):
    r"""Subtracts from the gradient of each output's weights its mean.

    $$u_i = g_i - \frac1m \sum_{j=1}^m g_{ij}$$

    where $i$ runs over outputs and $j$ over the $m$ weights that feed one. The outputs lie along the last
    axis, as in JAX's layers; the mean is over all others. Leaves with fewer than two axes pass unchanged.
    After an optimizer it keeps the mean of each output's weights constant; before one it does so if the
    optimizer is linear in the gradient, as SGD is. Weight decay still shrinks the mean.

    The mean is taken in at least float32. Inside `jax.shard_map` a leaf that is split is refused.

    **State**: none.

    **Raises** `ValueError` for a leaf of two axes or more that has no such axis, naming its shape.

    **Reference**: Yong et al. (2020), *Gradient Centralization: A New Optimization Technique for Deep Neural
    Networks*, arXiv:2004.01461, equation 1. Optax treats the first axis as that of the outputs. In JAX's
    layers it is that of the inputs, or of a convolution's rows: the result of Optax is `centralize(axis=0)`.

    >>> import jax.numpy as jnp
    >>> tx = centralize()
    >>> g = {"kernel": jnp.array([[1.0, 5.0], [3.0, 5.0]]), "bias": jnp.array([1.0, 2.0])}
    >>> update, _ = tx.update(g, tx.init(g))
    >>> print(update["kernel"], update["bias"])
    [[-1.  0.]
     [ 1.  0.]] [1. 2.]
    """

    axis: Axes = static(
        default=-1, doc="the axis of the outputs, or several; 0 for embeddings, whose rows are separate units"
    )

    def leaf(self, g: Array) -> Array:
        outputs = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        if g.ndim < 2 or g.size == 0:
            return g
        if not all(-g.ndim <= output < g.ndim for output in outputs):
            raise ValueError(f"centralize: a leaf of shape {g.shape} has no axis {self.axis} of outputs.")
        inputs = set(range(g.ndim)) - {output % g.ndim for output in outputs}
        return g - jnp.mean(g, tuple(inputs), keepdims=True)

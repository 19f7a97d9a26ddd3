"""Steps relative to the size of the parameters."""

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import norm, root_mean_square
from gradtx.core import Number, Rule, hyperparameter


class scale_by_param_block_rms(Rule, needs=("params",), elementwise=False):
    r"""Multiplies each leaf by the root mean square of its parameters.

    $$u = g \cdot \max(\mathrm{RMS}(\theta), \epsilon), \qquad
      \mathrm{RMS}(\theta) = \sqrt{\tfrac1n \sum_i |\theta_i|^2}$$

    where $\epsilon$ is `min_scale`, which lets parameters of zero move. The product is formed in at least
    float32.

    **State**: none.

    **Reference**: Shazeer and Stern (2018), *Adafactor: Adaptive Learning Rates with Sublinear Memory
    Cost*, arXiv:1804.04235, section 8 (relative step size).

    >>> import jax.numpy as jnp
    >>> tx = scale_by_param_block_rms()
    >>> params = {"kernel": jnp.array([1.0, 7.0]), "bias": jnp.zeros(2)}
    >>> tx.update({"kernel": jnp.ones(2), "bias": jnp.ones(2)}, tx.init(params), params)[0]
    {'bias': Array([0.001, 0.001], dtype=float32), 'kernel': Array([5., 5.], dtype=float32)}
    """

    min_scale: Number = hyperparameter(
        default=1e-3, low=0.0, doc="the least root mean square that the parameters count as"
    )

    def leaf(self, g: Array, p: Array) -> Array:
        return g * jnp.maximum(root_mean_square(p), self.min_scale)


class scale_by_param_block_norm(Rule, needs=("params",), elementwise=False):
    r"""Multiplies each leaf by the norm of its parameters.

    $$u = g \cdot \max(\|\theta\|, \epsilon)$$

    where $\epsilon$ is `min_scale`, which lets parameters of zero move. The product is formed in at least
    float32.

    **State**: none.

    **Reference**: You, Gitman and Ginsburg (2017), *Large Batch Training of Convolutional Networks*,
    arXiv:1708.03888, equation 6: the numerator of the local learning rate. `scale_by_trust_ratio` also
    divides by the norm of the update.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_param_block_norm()
    >>> params = {"kernel": jnp.array([3.0, 4.0]), "bias": jnp.zeros(2)}
    >>> tx.update({"kernel": jnp.ones(2), "bias": jnp.ones(2)}, tx.init(params), params)[0]
    {'bias': Array([0.001, 0.001], dtype=float32), 'kernel': Array([5., 5.], dtype=float32)}
    """

    min_scale: Number = hyperparameter(
        default=1e-3, low=0.0, doc="the least norm that the parameters count as"
    )

    def leaf(self, g: Array, p: Array) -> Array:
        return g * jnp.maximum(norm(p), self.min_scale)

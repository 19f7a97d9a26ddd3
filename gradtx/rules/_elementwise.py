"""Maps of single elements: square, square root, sign, soft sign."""

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import abs_squared, quotient, root
from gradtx.core import Number, Rule, hyperparameter


class square(Rule, squares=True):
    """The squared magnitude of each element: $u = |g|^2$, real for complex updates.

    >>> import jax.numpy as jnp
    >>> square().update(jnp.array([-3.0, 2.0]), square().init(jnp.zeros(2)))[0]
    Array([9., 4.], dtype=float32)
    """

    def leaf(self, g: Array) -> Array:
        return abs_squared(g)


class sqrt(Rule):
    r"""The square root of each element: $u = \sqrt{g + \epsilon}$, where $\epsilon$ is `eps_root`.

    >>> import jax.numpy as jnp
    >>> sqrt().update(jnp.array([9.0, 4.0]), sqrt().init(jnp.zeros(2)))[0]
    Array([3., 2.], dtype=float32)
    """

    eps_root: Number = hyperparameter(default=0.0, low=0.0, doc="added inside the root")

    def leaf(self, g: Array) -> Array:
        return root(g + self.eps_root)


class sign(Rule, role="normalizes"):
    """The sign of each element: -1, 0 or 1, and $g / |g|$ for complex updates.

    **Reference**: Bernstein et al. (2018), *signSGD: Compressed Optimisation for Non-Convex Problems*,
    arXiv:1802.04434, algorithm 1.

    >>> import jax.numpy as jnp
    >>> sign().update(jnp.array([-3.0, 0.0, 2.0]), sign().init(jnp.zeros(3)))[0]
    Array([-1.,  0.,  1.], dtype=float32)
    """

    def leaf(self, g: Array) -> Array:
        return jnp.sign(g)


scale_by_sign = sign


class soft_sign(Rule):
    r"""A smooth sign: a large element becomes its sign, a small one stays in proportion to its size.

    $$u = \frac{g}{\sqrt{|g|^2 + \epsilon^2}}$$

    where $\epsilon$ is `eps`; with 0 it is the `sign`. A step of the sign is as long near the minimum as far
    from it, and ends in an oscillation as wide as the step; this one shrinks. The size is that of the
    incoming update, so `eps` is in proportion to the scale of the loss.

    **State**: none; with a scheduled `eps`, its count.

    **Reference**: Feoktistov et al. (2026), *Softsign: Smooth Sign in Your Optimizer For Better Parameter
    Heterogeneity Handling*, arXiv:2605.31371: the algebraic form $x / \sqrt{1 + x^2}$ that SoftMuon applies
    to singular values, here with $x = g/\epsilon$. SoftSignum applies $\tanh$ instead, and takes the scale
    from a quantile of the average. The activation function of that name is $x / (1 + |x|)$.

    >>> import jax.numpy as jnp
    >>> tx = soft_sign(3.0)
    >>> tx.update(jnp.array([-4.0, 0.0, 3e9]), tx.init(jnp.zeros(3)))[0]
    Array([-0.8,  0. ,  1. ], dtype=float32)
    """

    eps: Number = hyperparameter(low=0.0, doc=r"the size of an element at which $|u|$ is $1/\sqrt2$")

    def leaf(self, g: Array) -> Array:
        return quotient(g, jnp.hypot(jnp.abs(g), self.eps))  # squares would overflow or vanish

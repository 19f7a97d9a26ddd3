"""Maps of single elements: square, square root, sign."""

from typing import Any

import jax
import jax.numpy as jnp

from gradtx.core.schedule import ScalarOrSchedule
from gradtx.core.transformation import GradientTransformation
from gradtx.core.value import hyperparameter
from gradtx.tree import map_kernel
from gradtx.tree.arithmetic import abs_squared


class square(GradientTransformation):
    """The squared magnitude of each element: $u = |g|^2$, in the dtype of the updates.

    >>> import jax.numpy as jnp
    >>> square().update(jnp.array([-3.0, 2.0]), square().init(jnp.zeros(2)))[0]
    Array([9., 4.], dtype=float32)
    """

    def update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        return map_kernel(_square, updates), state


class sqrt(GradientTransformation):
    r"""The square root of each element: $u = \sqrt{g + \epsilon}$, where $\epsilon$ is `eps_root`.

    >>> import jax.numpy as jnp
    >>> sqrt().update(jnp.array([9.0, 4.0]), sqrt().init(jnp.zeros(2)))[0]
    Array([3., 2.], dtype=float32)
    """

    eps_root: ScalarOrSchedule = hyperparameter(default=0.0, low=0.0)

    def update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        return map_kernel(_sqrt, updates, scalars=(self.eps_root,)), state


class sign(GradientTransformation):
    """The sign of each element: -1, 0 or 1, and $g / |g|$ for complex updates.

    **Reference**: Bernstein et al. (2018), *signSGD: Compressed Optimisation for Non-Convex Problems*,
    arXiv:1802.04434, algorithm 1.

    >>> import jax.numpy as jnp
    >>> sign().update(jnp.array([-3.0, 0.0, 2.0]), sign().init(jnp.zeros(3)))[0]
    Array([-1.,  0.,  1.], dtype=float32)
    """

    def update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        return map_kernel(_sign, updates), state


def _square(g: jax.Array) -> jax.Array:
    return abs_squared(g)


def _sqrt(g: jax.Array, eps_root: jax.Array) -> jax.Array:
    return jnp.sqrt(g + eps_root)


def _sign(g: jax.Array) -> jax.Array:
    return jnp.sign(g)

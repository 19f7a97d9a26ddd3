"""Functions that change gradients, and not values."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from gradtx.tree import is_inexact, widened


def scale_gradient(inputs: Any, scale: ArrayLike) -> Any:
    r"""The inputs unchanged, with their derivative multiplied by a number.

    $$f(x) = x, \qquad \mathrm df = s\,\mathrm dx$$

    where $s$ is `scale`. With $s = 0$ no gradient passes, not even one that is infinite or NaN. A negative
    $s$ reverses gradients, as adversarial training of a domain classifier does.

    Args:
      inputs: a tree of arrays. Its non-differentiable leaves stay as they are.
      scale: $s$, a number, which may be traced. Nothing is differentiated with respect to it.

    **Reference**: Ganin and Lempitsky (2015), *Unsupervised Domain Adaptation by Backpropagation*,
    arXiv:1409.7495, equations 11 and 12, for a negative scale.

    >>> print(jax.grad(lambda x: scale_gradient(x, -0.5) ** 2)(3.0))
    -3.0
    """
    return jax.tree.map(lambda x: _scaled(jnp.asarray(x), scale) if is_inexact(x) else x, inputs)


@jax.custom_jvp
def _scaled(x: Array, scale: Any) -> Array:
    return x


@_scaled.defjvp
def _scaled_jvp(primals: tuple[Array, Any], tangents: tuple[Array, Any]) -> tuple[Array, Array]:
    x, scale = primals
    factor = jnp.asarray(scale).astype(widened(x.real.dtype))
    wide = tangents[0].astype(widened(x.dtype))
    change = jnp.where(factor == 0, 0, wide) * factor.astype(wide.dtype)
    return x, change.astype(x.dtype)

"""The step that turns parameters, as Fromage takes it: a learning rate with the decay that it asks for."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.core import Number, hyperparameter
from gradtx.rules._scale import Rate


class rotate_by_learning_rate(Rate, needs=("params",)):
    r"""Turns a direction into a step after which the parameters are as long as before.

    $$u = \frac{\theta - \eta\,g}{\sqrt{1 + \eta^2}} - \theta$$

    A direction that is orthogonal to the parameters, and as long as they are, turns them by the angle
    $\arctan \eta$. The direction of `scale_by_trust_ratio` is as long. The step is that of
    `scale_by_learning_rate` with the rate $\eta / \sqrt{1 + \eta^2}$ after `add_decayed_weights` with the
    decay $\eta / (1 + \sqrt{1 + \eta^2})$.

    **State**: none; with a scheduled `learning_rate`, its count.

    **Reference**: Bernstein et al. (2020), *On the distance between two neural networks and the stability of
    learning*, arXiv:2002.03432, algorithm 1.

    >>> import jax.numpy as jnp
    >>> tx, params = rotate_by_learning_rate(0.75), jnp.array([5.0, 0.0])
    >>> params + tx.update(jnp.array([0.0, 5.0]), tx.init(params), params)[0]
    Array([ 4., -3.], dtype=float32)
    """

    learning_rate: Number = hyperparameter(low=0.0, doc=r"$\eta$, the tangent of the angle")

    class Once(NamedTuple):
        """The sine of the angle and the tangent of its half; 1 - cosine is their product."""

        sine: Any
        half_tangent: Any

    def once(self) -> Once:
        hypotenuse = jnp.hypot(1.0, self.learning_rate)
        return self.Once(self.learning_rate / hypotenuse, self.learning_rate / (1.0 + hypotenuse))

    def leaf(self, once: Once, g: Array, p: Array) -> Array:
        return -once.sine * (g + once.half_tangent * p)

"""Optimism: the update with its latest change once more, as a prediction of the next update."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.core import Number, Params, Rule, hyperparameter
from gradtx.tree import state_like


class ScaleByOptimisticGradientState(NamedTuple):
    """The state of `scale_by_optimistic_gradient`: whether there was no update yet, and the latest one."""

    is_initial_step: Any
    previous_gradient: Any


class scale_by_optimistic_gradient(
    Rule, state=ScaleByOptimisticGradientState, numbers=("is_initial_step",), counts=()
):
    r"""Adds the change of the update since the one before it.

    $$u_t = \alpha\,g_t + \beta\,(g_t - g_{t-1}), \qquad g_0 = g_1$$

    The sum $g_t + (g_t - g_{t-1})$ predicts the next update. In a game of two players, such as a generative
    adversarial network, gradient descent circles around an equilibrium; with the prediction it converges.
    The first update has no change.

    **State**: `ScaleByOptimisticGradientState(is_initial_step, previous_gradient)`: a boolean scalar, and a
    tree shaped as the parameters, in float32 or wider.

    **Reference**: Daskalakis et al. (2018), *Training GANs with Optimism*, arXiv:1711.00141, section 2, with
    $\alpha = \beta$ the learning rate. The two factors are Optax's.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_optimistic_gradient(beta=0.5)
    >>> update, state = tx.update(jnp.array(3.0), tx.init(jnp.array(0.0)))
    >>> update, tx.update(jnp.array(5.0), state)[0]  # 3, then 5 + 0.5 * (5 - 3)
    (Array(3., dtype=float32), Array(6., dtype=float32))
    """

    alpha: Number = hyperparameter(default=1.0, doc="the factor of the update")
    beta: Number = hyperparameter(default=1.0, doc="the factor of its change")

    class Once(NamedTuple):
        """Whether this is the first update, and that the next one is not."""

        first: Any
        is_initial_step: Any

    def init(self, params: Params) -> ScaleByOptimisticGradientState:
        return ScaleByOptimisticGradientState(jnp.ones((), bool), state_like(params))

    def once(self, is_initial_step: Array) -> Once:
        return self.Once(is_initial_step, jnp.zeros_like(is_initial_step))

    def leaf(self, once: Once, g: Array, previous_gradient: Array) -> tuple[Array, Array]:
        change = g - jnp.where(once.first, g, previous_gradient)
        return self.alpha * g + self.beta * change, g

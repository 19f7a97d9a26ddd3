"""The step to the minimum of a model of the loss, which `scale_by_momo` and `scale_by_momo_adam` share."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, AxisName, over_shards, quotient
from gradtx.core import GradientTransformation, Number, as_loss, hyperparameter, static
from gradtx.tree import as_scalar, number


class Model(NamedTuple):
    """A linear model of the loss around the parameters: averages of losses, gradients and inner products."""

    barf: Array
    gamma: Array
    inner: Array
    """The inner product of the average gradient with the parameters."""
    length: Array
    """The norm of the average gradient."""


class ModelStep(GradientTransformation, abstract=True):
    """The step to the minimum of a model of the loss, which is cut off at a lower bound."""

    learning_rate: Number = hyperparameter(default=1.0, low=0.0, doc=r"$\alpha$, the longest step")
    lower_bound: Number = hyperparameter(
        default=0.0,
        kw_only=True,
        doc="$f_*$, a number that the loss is never below; 0 for most losses",
    )
    weight_decay: Number = hyperparameter(
        default=0.0, low=0.0, kw_only=True, doc=r"$\lambda$, the strength of the weight decay"
    )
    adapt_lower_bound: bool = static(
        default=False,
        kw_only=True,
        doc="whether $f_*$ is estimated, from `lower_bound` upwards",
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    couples_leaves = True
    finds_rate = "its model of the loss gives the size of each step, and learning_rate is a bound"

    def _first_numbers(self) -> tuple[Array, Array, Array]:
        """The averages of losses and inner products, and the lower bound, in the first state."""
        return number(), number(), number(self.lower_bound)

    def _loss(self, value: Any) -> Array:
        return over_shards(as_loss(type(self).__name__, value), self.axis_name, jax.lax.pmean)

    def _shrinkage(self) -> Any:
        r"""$1 + \alpha \lambda$."""
        return 1 + as_scalar(self.learning_rate) * as_scalar(self.weight_decay)

    def _step_size(self, model: Model, bound: Array, correction: Any) -> tuple[Array, Array]:
        """The factor of the direction, and the lower bound of the next step.

        Args:
          model: the model at the current parameters.
          bound: the lower bound of the state.
          correction: the sum of the weights of the averages.
        """
        shrinkage, least = self._shrinkage(), as_scalar(self.lower_bound)
        height = shrinkage * model.barf + (model.inner - shrinkage * model.gamma)
        if self.adapt_lower_bound:
            highest = height / (shrinkage * correction)
            bound = jnp.where(highest < bound, jnp.maximum(highest / 2, least), bound)
        else:
            bound = jnp.full_like(bound, least)
        excess = jnp.maximum(height - shrinkage * correction * bound, 0.0)
        longest = as_scalar(self.learning_rate) / correction
        step = jnp.minimum(longest, quotient(quotient(excess, model.length), model.length))
        if self.adapt_lower_bound:
            reached = model.barf + (model.inner - model.gamma) - step * model.length * model.length / 2
            bound = jnp.maximum(reached / correction, least)
        return step, bound

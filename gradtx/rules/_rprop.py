"""Rprop: steps from the signs of gradients alone, with a size of its own for each element."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.core import Number, Params, Rule, Schedule, hyperparameter, static
from gradtx.tree import state_like


class ScaleByRpropState(NamedTuple):
    """The state of `scale_by_rprop`: the size of each step, and the latest steps."""

    step_sizes: Any
    prev_updates: Any


class scale_by_rprop(Rule, state=ScaleByRpropState, role="normalizes"):
    r"""A step in the direction of the gradient's sign, longer after each agreement and shorter after a turn.

    $$\Delta_t = \begin{cases}
        \min(\eta^+ \Delta_{t-1}, \Delta_{\max}) & s_t > 0 \\
        \max(\eta^- \Delta_{t-1}, \Delta_{\min}) & s_t < 0 \\
        \Delta_{t-1} & s_t = 0 \end{cases} \qquad
      u_t = \begin{cases} 0 & s_t < 0 \\ \Delta_t \operatorname{sign}(g_t) & \text{else} \end{cases}
      \qquad s_t = \operatorname{sign}(g_t\,u_{t-1})$$

    where $\eta^-$, $\eta^+$, $\Delta_{\min}$ and $\Delta_{\max}$ are `eta_minus`, `eta_plus`, `min_step_size`
    and `max_step_size`, and $\Delta_0$ is `learning_rate`. After a turn the step is left out, and the next
    one counts as neither agreement nor turn. With `backtracking` a turn takes the step before it back,
    $-u_{t-1}$. The signs of gradients of small batches are mostly noise: the rule is for full batches.

    The sign of a complex element is its phase, $g / |g|$, and two agree where the real part of $g\,\bar u$
    is positive.

    **State**: `ScaleByRpropState(step_sizes, prev_updates)`: two trees shaped as the parameters, in float32
    or wider; `step_sizes` is real for complex parameters, and `prev_updates` is 0 after a turn.

    **Raises** `TypeError` for a `learning_rate` that is a schedule.

    **Reference**: Igel and Hüsken (2003), *Empirical evaluation of the improved Rprop learning algorithms*,
    Neurocomputing 50, iRprop-, which PyTorch and Optax have too. `backtracking` is the algorithm of
    Riedmiller and Braun (1993), *A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm*.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_rprop(1.0)
    >>> state = tx.init(jnp.array(0.0))
    >>> for g in (0.3, 7.0, -0.1, -0.2):  # the first step, a longer one, a turn, a step of 1.2 * 0.5
    ...     update, state = tx.update(jnp.array(g), state)
    ...     print(f"{update:.2f}")
    1.00
    1.20
    0.00
    -0.60
    """

    learning_rate: Number = hyperparameter(low=0.0, doc=r"$\Delta_0$, the size of the first step")
    eta_minus: Number = hyperparameter(default=0.5, low=0.0, high=1.0, doc="the factor after a turn")
    eta_plus: Number = hyperparameter(default=1.2, low=1.0, doc="the factor after an agreement")
    min_step_size: Number = hyperparameter(default=1e-6, low=0.0, doc="the least size of a step")
    max_step_size: Number = hyperparameter(default=50.0, low=0.0, doc="the greatest size of a step")
    backtracking: bool = static(
        default=False, kw_only=True, doc="whether a turn takes the step before it back"
    )

    finds_rate = "it adapts the size of each step, and learning_rate is the first one"

    def validate(self) -> None:
        if isinstance(self.__dict__["learning_rate"], Schedule):
            raise TypeError(
                "scale_by_rprop: learning_rate is the size of the first step and must be a number, got a "
                "schedule: the rule adapts the size of every step itself."
            )

    def init(self, params: Params) -> ScaleByRpropState:
        sizes = state_like(params, value=self.learning_rate, real=True)
        return ScaleByRpropState(sizes, state_like(params))

    def leaf(self, g: Array, step_sizes: Array, prev_updates: Array) -> tuple[Array, Array, Array]:
        sign = jnp.sign(g)
        agreement = (sign * jnp.sign(prev_updates).conj()).real
        factor = jnp.where(agreement > 0, self.eta_plus, self.eta_minus)
        adapted = jnp.clip(step_sizes * factor, self.min_step_size, self.max_step_size)
        size = jnp.where(agreement == 0, step_sizes, adapted)
        step = jnp.where(agreement < 0, 0.0, size * sign)
        update = jnp.where(agreement < 0, -prev_updates, step) if self.backtracking else step
        return update, size, step

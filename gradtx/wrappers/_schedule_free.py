"""Schedule-Free: steps of any optimizer, gradients between its iterate and the average of the iterates."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import complement, interpolate, quotient
from gradtx.core import (
    GradientTransformation,
    Number,
    OptState,
    Params,
    ScheduledState,
    Updates,
    Wrapper,
    hyperparameter,
    moved_to,
    nested,
    safe_increment,
    storage_dtype,
)
from gradtx.tree import as_scalar, copies, map_leaves, number


class ScheduleFreeState(NamedTuple):
    """The state of `schedule_free`: scalars, the base optimizer's state, the iterate z and the average x."""

    b1: Array
    weight_sum: Array
    step_count: Array
    max_lr: Array
    base_optimizer_state: OptState
    z: Params
    x: Params


class schedule_free(Wrapper, state=ScheduleFreeState, needs=("params",), counts=("step_count",)):
    r"""Replaces momentum and the decay of the learning rate by an average, without a planned last step.

    $$y_t = (1 - b_1)\,z_t + b_1\,x_t, \qquad z_{t+1} = z_t + T(\nabla f(y_t)), \qquad
      x_{t+1} = (1 - c_{t+1})\,x_t + c_{t+1}\,z_{t+1}$$
    $$c_{t+1} = \frac{w_t}{\sum_{i=1}^t w_i}, \qquad w_t = \big(\max_{i \le t} \gamma_i\big)^p$$

    where $T$ is `base_optimizer`, whose updates are steps, $\gamma$ is `learning_rate` and $p$ is
    `weight_lr_power`. The parameters in training are $y$: gradients are taken there, and `base_optimizer`
    sees them as the parameters and decays their weights. The result of training is $x$: validate and save
    `eval_params(tx, state, params)`.

    **State**: `ScheduleFreeState(b1, weight_sum, step_count, max_lr, base_optimizer_state, z, x)`: scalars,
    of which `step_count` is $t$; the state of the base optimizer; and two trees shaped as the parameters, $x$
    in float32 or wider. Each is 4 bytes a float32 parameter. Every step computes the parameters from these
    two
    anew: 16 bits in the parameters lose nothing of the average.

    **Reference**: Defazio et al. (2024), *The Road Less Scheduled*, arXiv:2405.15682, equations 3 to 5, and
    23 for the weights with p = 2; other powers, and the maximum, are from the authors' code. Optax keeps $z$
    alone, in the parameters' dtype, and divides by $b_1$ to recover $x$ from $y$: 4 bytes a parameter less,
    NaN for $b_1 = 0$, and in 16 bits an average that stands still. Its weights see a schedule one step ahead
    of its base optimizer.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx = schedule_free(sgd(1.0), 1.0, b1=0.5)
    >>> updates, state = tx.update(jnp.array(1.0), tx.init(jnp.array(0.0)), jnp.array(0.0))
    >>> updates, state = tx.update(jnp.array(1.0), state, updates)
    >>> state.z, state.x
    (Array(-2., dtype=float32), Array(-1.5, dtype=float32))
    """

    base_optimizer: GradientTransformation = nested(
        state="base_optimizer_state",
        doc="$T$, any optimizer without momentum, which $b_1$ replaces",
    )
    learning_rate: Number = hyperparameter(
        low=0.0,
        doc=(
            r"$\gamma$, the learning rate of `base_optimizer`; here it weights the average. It should rise, "
            "as in a warmup, or be constant; the value of a constant one is irrelevant"
        ),
    )
    b1: Number = hyperparameter(
        default=0.9,
        low=0.0,
        high=1.0,
        doc=(
            "$b_1$, the weight of the average in the point of the gradients: 0 averages as Polyak and "
            "Ruppert do, and 1 takes gradients at the average, as primal averaging does"
        ),
    )
    weight_lr_power: Number = hyperparameter(
        default=2.0,
        low=0.0,
        doc="$p$: the larger it is, the less the iterates of a warmup weigh",
    )
    state_dtype: Any = storage_dtype(
        default=None,
        doc="the dtype in which $z$ is stored; by default the parameters' dtype, at least float32",
    )

    def init(self, params: Params) -> ScheduleFreeState:
        return ScheduleFreeState(
            b1=number(self.b1),
            weight_sum=number(),
            step_count=jnp.ones((), jnp.int32),
            max_lr=number(),
            base_optimizer_state=self.base_optimizer.init(params),
            z=copies(params, self.state_dtype),
            x=copies(params),
        )

    def apply(
        self, updates: Updates, state: ScheduleFreeState, params: Params = None, **extra: Any
    ) -> tuple[Updates, ScheduleFreeState]:
        steps, base_state = self.update_part(
            self.base_optimizer, updates, state.base_optimizer_state, params, **extra
        )
        max_lr = jnp.maximum(state.max_lr, as_scalar(self.learning_rate))
        weight = max_lr ** as_scalar(self.weight_lr_power)
        weight_sum = state.weight_sum + weight
        # At a learning rate of 0, before a warmup, the sum of the weights is 0, and nothing has moved.
        numbers = (complement(self.b1), quotient(weight, weight_sum))
        updates, z, x = map_leaves(
            _move_and_average, steps, state=(state.z, state.x), params=params, numbers=numbers
        )
        count = safe_increment(state.step_count)
        return updates, ScheduleFreeState(number(self.b1), weight_sum, count, max_lr, base_state, z, x)

    def evaluation_params(self, state: ScheduleFreeState, params: Params) -> Params:
        return schedule_free_eval_params(state, params)


def schedule_free_eval_params(state: OptState, params: Params) -> Params:
    """The average $x$ of `schedule_free`, in the dtypes of `params`: the parameters to evaluate.

    `eval_params(tx, state, params)` does this for any optimizer, and finds the state in a chain.

    Args:
      state: the state of `schedule_free` itself.
      params: the current parameters.

    Raises:
      ValueError: for any other state.

    >>> import jax.numpy as jnp
    >>> from gradtx import schedule_free_sgd
    >>> params = jnp.array(3.0)
    >>> schedule_free_eval_params(schedule_free_sgd().init(params), params)
    Array(3., dtype=float32)
    """
    if isinstance(state, ScheduledState):
        state = state.inner
    if not isinstance(state, ScheduleFreeState):
        raise ValueError(
            f"schedule_free_eval_params: got {jax.tree.structure(state)}, which is not the state of "
            "schedule_free itself. For an optimizer that contains it, call eval_params(tx, state, params)."
        )
    return moved_to(params, state.x)


def _move_and_average(
    step: Array, z: Array, x: Array, y: Array, c1: Array, weight: Array
) -> tuple[Array, Array, Array]:
    z = z + step
    x = interpolate(x, z, weight)
    return interpolate(x, z, c1) - y, z, x

"""Averages of the parameters: exponential and uniform, kept beside any optimizer."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import complement, correction, quotient
from gradtx.core import (
    GradientTransformation,
    Number,
    OptState,
    Params,
    Updates,
    Wrapper,
    apply_updates,
    checks_keywords,
    hyperparameter,
    incremental_update,
    moved_to,
    nested,
    safe_increment,
    static,
    storage_dtype,
    zero_count,
)
from gradtx.tree import arrays_of, as_scalar, copies


class AverageParamsState(NamedTuple):
    """The state of `average_params`: the number of updates, the average, and the inner state."""

    count: Any
    average: Params
    inner_state: OptState


class average_params(Wrapper, state=AverageParamsState, needs=("params",), counts=("count",)):
    r"""Keeps an average of the parameters that an optimizer makes, for evaluation in their place.

    $$\bar\theta_n = \bar\theta_{n-1} + c_n\,(\theta_t - \bar\theta_{n-1}), \qquad
      c_n = \begin{cases} (1 - d) / (1 - d^n) & \text{debias} \\ 1 - d & \text{else} \end{cases}$$

    where $d$ is `decay`, $\theta_t$ the parameters after update $t$, rounded to their dtype, and $n$ counts
    the parameters that enter the average: those after update `start_step`, and after every `every_k`-th
    update from there. With `debias` their weights are in proportion to $1, d, d^2, \dots$, the newest first,
    and sum to 1 for every $n$. Without it the first keeps the weight $d^{n-1}$. Before `start_step` the
    average is the current parameters.

    The updates are those of the optimizer, and `eval_params` returns the average. Wrap everything that moves
    the parameters: a later transformation in a chain moves them unseen. Around `accumulate` the wrapper
    counts micro-batches, and inside of it updates.

    **State**: `AverageParamsState(count, average, inner_state)`: an int32 scalar, a tree shaped as the
    parameters, and the state of the optimizer. In float32 the average moves where one of 16 bits would not.

    **Reference**: Polyak and Juditsky (1992), *Acceleration of Stochastic Approximation by Averaging*;
    the correction is that of Kingma and Ba (2015), arXiv:1412.6980, section 3, as a weight of the newest.

    >>> import jax.numpy as jnp
    >>> from gradtx import apply_updates, eval_params, sgd
    >>> tx, params = average_params(sgd(1.0), decay=0.5), jnp.array(0.0)
    >>> state = tx.init(params)
    >>> for _ in range(2):  # to -1 and -2, whose weights are 1/3 and 2/3
    ...     updates, state = tx.update(jnp.array(1.0), state, params)
    ...     params = apply_updates(params, updates)
    >>> print(f"{eval_params(tx, state, params):.3f}")
    -1.667
    """

    inner: GradientTransformation = nested(
        state="inner_state",
        doc="the optimizer. If it evaluates at other points than it trains, the average is of those points",
    )
    decay: Number = hyperparameter(
        default=0.999,
        low=0.0,
        high=1.0,
        doc=(
            "$d$. 1 is the uniform average, the limit of the weights: $c_n = 1/n$. With a schedule, which "
            "counts updates, $c_n$ is formed from the current value, as if it had been constant"
        ),
    )
    debias: bool = static(default=True, doc="whether the weights sum to 1, as above")
    start_step: int = static(
        default=1,
        low=0,
        doc="the update after which parameters first enter; 0 means those before the first update",
    )
    every_k: int = static(default=1, low=1, doc="the number of updates from one entry to the next")
    average_dtype: Any = storage_dtype(
        default=None,
        doc="the dtype in which the average is stored; by default the parameters' dtype, at least float32",
    )

    def init(self, params: Params) -> AverageParamsState:
        return AverageParamsState(zero_count(), copies(params, self.average_dtype), self.inner.init(params))

    def apply(
        self, updates: Updates, state: AverageParamsState, params: Params = None, **extra: Any
    ) -> tuple[Updates, AverageParamsState]:
        count = safe_increment(state.count)
        updates, inner = self.update_part(self.inner, updates, state.inner_state, params, **extra)
        point = self.inner.evaluation_params(inner, apply_updates(arrays_of(params), updates))
        average = incremental_update(point, state.average, self._weight(count))
        return updates, AverageParamsState(count, average, inner)

    def evaluation_params(self, state: AverageParamsState, params: Params) -> Params:
        return moved_to(params, state.average)

    def _weight(self, count: Array) -> Array:
        """The weight of the parameters after update `count` in the new average."""
        since = jnp.maximum(count - self.start_step, 0)
        c = complement(self.decay)
        weight = _share_of_newest(c, 1 + since // self.every_k) if self.debias else c
        enters = jnp.where(since % self.every_k == 0, as_scalar(weight), 0.0)
        return jnp.where(since == 0, 1.0, enters)


@checks_keywords
def stochastic_weight_average(inner: Any, start_step: int, every_k: int = 1) -> average_params:
    r"""Keeps the plain mean of the parameters that an optimizer makes, for evaluation in their place.

    $$\bar\theta = \frac1n \sum_{i=0}^{n-1} \theta_{s + i k}$$

    where $s$ is `start_step` and $k$ is `every_k`. It is `average_params` with the decay 1. Recompute the
    statistics of batch normalization for the mean, by a pass over the data.

    Args:
      inner: the optimizer, with a learning rate that is constant or cyclic from `start_step` on.
      start_step: $s$, the update after which parameters first enter; 0 continues from a trained model.
      every_k: $k$, the number of updates from one entry to the next: the length of a cycle.

    **Reference**: Izmailov et al. (2018), *Averaging Weights Leads to Wider Optima and Better
    Generalization*, arXiv:1803.05407, algorithm 1.

    >>> import jax.numpy as jnp
    >>> from gradtx import apply_updates, eval_params, sgd
    >>> tx, params = stochastic_weight_average(sgd(1.0), start_step=1), jnp.array(0.0)
    >>> state = tx.init(params)
    >>> for _ in range(3):  # to -1, -2 and -3
    ...     updates, state = tx.update(jnp.array(1.0), state, params)
    ...     params = apply_updates(params, updates)
    >>> eval_params(tx, state, params)
    Array(-2., dtype=float32)
    """
    return average_params(inner, 1.0, start_step=start_step, every_k=every_k)


def _share_of_newest(c: Any, n: Array) -> Array:
    """Of `n` values with weights 1, 1 - c, (1 - c)², ..., the share of the first; 1/n where c is 0."""
    return jnp.where(c == 0, 1.0 / n.astype(float), quotient(c, correction(c, n)))

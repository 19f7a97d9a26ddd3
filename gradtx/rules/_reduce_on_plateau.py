"""A scale that is reduced where the loss has stopped falling."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import interpolate, multiply_by, saturated
from gradtx.core import (
    GradientTransformation,
    Number,
    Params,
    Updates,
    as_loss,
    hyperparameter,
    static,
    zero_count,
)
from gradtx.tree import as_scalar, map_leaves, number


class ReduceLROnPlateauState(NamedTuple):
    """The state of `reduce_on_plateau`: the scale, the best value, three counts, and the current mean."""

    scale: Any
    best_value: Any
    plateau_count: Any
    cooldown_count: Any
    count: Any
    avg_value: Any


class reduce_on_plateau(
    GradientTransformation, state=ReduceLROnPlateauState, needs=("value",), counts=("count",)
):
    r"""Multiplies the updates by a scale that is reduced while a value, such as the loss, does not improve.

    $$u = s\,g, \qquad s \leftarrow \max(c\,s,\; s_\min) \text{ after } n \text{ values in a row with } \;
      f \ge f_\text{best} - r\,|f_\text{best}| - a$$

    where $c$ is `factor`, $n$ is `patience`, $r$ is `rtol` and $a$ is `atol`. Each $f$ is the mean of
    `accumulation_size` values, one of which every update takes as `value=`. The `cooldown` values after a
    reduction are not counted. A value of NaN is no improvement. Place it last in a chain.

    **State**: `ReduceLROnPlateauState(scale, best_value, plateau_count, cooldown_count, count, avg_value)`:
    $s$, $f_\text{best}$ and the mean so far in float32 or wider; the numbers of values without an
    improvement, of values of the cooldown that are left, and of values in the mean, in int32.

    **Raises** `ValueError` for a `value` that is an array.

    **Reference**: PyTorch's and Keras's `ReduceLROnPlateau`; the count of Optax, which `patience` ends one
    value earlier than PyTorch's. Both subtract $r f_\text{best}$, so that a negative value improves where
    it rises.

    >>> import jax.numpy as jnp
    >>> tx = reduce_on_plateau(factor=0.5, patience=2)
    >>> state = tx.init(jnp.array(0.0))
    >>> for loss in (3.0, 2.0, 2.0, 2.5):  # the third and the fourth are no improvement
    ...     update, state = tx.update(jnp.array(8.0), state, value=loss)
    >>> update
    Array(4., dtype=float32)
    """

    factor: Number = hyperparameter(
        default=0.1, above=0.0, below=1.0, doc="$c$, by which a reduction multiplies the scale"
    )
    patience: int = static(
        default=10, low=1, doc="the number of values in a row without an improvement before a reduction"
    )
    rtol: Number = hyperparameter(
        default=1e-4, low=0.0, high=1.0, doc="the least improvement, relative to the best value"
    )
    atol: Number = hyperparameter(default=0.0, low=0.0, doc="the least improvement, added to it")
    cooldown: int = static(
        default=0, low=0, doc="the number of values after a reduction that are not counted"
    )
    accumulation_size: int = static(
        default=1, low=1, doc="the number of values in a mean: more than 1 for the losses of batches"
    )
    min_scale: Number = hyperparameter(default=0.0, low=0.0, high=1.0, doc="the least scale")

    def init(self, params: Params) -> ReduceLROnPlateauState:
        return ReduceLROnPlateauState(
            scale=number(1.0),
            best_value=_worst(),
            plateau_count=zero_count(),
            cooldown_count=zero_count(),
            count=zero_count(),
            avg_value=number(),
        )

    def apply(
        self, updates: Updates, state: ReduceLROnPlateauState, params: Params = None, **extra: Any
    ) -> tuple[Updates, ReduceLROnPlateauState]:
        count = state.count + 1
        value = as_loss("reduce_on_plateau", extra["value"])
        mean = interpolate(state.avg_value, value, 1.0 / count.astype(float))
        begun = state._replace(count=count, avg_value=mean)
        complete = count >= self.accumulation_size
        state = jax.tree.map(partial(jnp.where, complete), self._judged(mean, state), begun)
        return map_leaves(multiply_by, updates, numbers=(state.scale,)), state

    def _judged(self, value: Array, state: ReduceLROnPlateauState) -> ReduceLROnPlateauState:
        """The state after a complete mean."""
        best = state.best_value
        margin = as_scalar(self.rtol) * jnp.abs(best) + as_scalar(self.atol)
        improved = value < best - jnp.where(best < _worst(), margin, 0.0)
        is_counted = ~improved & (state.cooldown_count == 0)
        in_a_row = jnp.where(is_counted, state.plateau_count + 1, 0)
        reduces = in_a_row >= self.patience
        reduced = jnp.maximum(state.scale * as_scalar(self.factor), as_scalar(self.min_scale))
        return ReduceLROnPlateauState(
            scale=jnp.where(reduces, reduced, state.scale),
            best_value=jnp.where(improved, value, best),
            plateau_count=jnp.where(reduces, 0, in_a_row),
            cooldown_count=jnp.where(reduces, self.cooldown, jnp.maximum(state.cooldown_count - 1, 0)),
            count=zero_count(),
            avg_value=jnp.zeros((), float),
        )


def _worst() -> Array:
    """The best value before the first one: the largest finite number, since a state has no infinite one."""
    return saturated(jnp.full((), jnp.inf, float))

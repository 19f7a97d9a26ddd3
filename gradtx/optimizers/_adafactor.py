"""Adafactor."""

from typing import Any

import jax.numpy as jnp

from gradtx.arithmetic import Axes
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import (
    add_decayed_weights,
    ema,
    scale,
    scale_by_adafactor,
    scale_by_factored_rms,
    scale_by_learning_rate,
    scale_by_param_block_rms,
)
from gradtx.schedules import relative_step_schedule
from gradtx.selection import Mask


@checks_keywords
def adafactor(
    learning_rate: ScalarOrSchedule | None = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: ScalarOrSchedule = 0.8,
    decay_offset: ScalarOrSchedule = 0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: ScalarOrSchedule | None = 1.0,
    momentum: ScalarOrSchedule | None = None,
    dtype_momentum: Any = jnp.float32,
    weight_decay_rate: ScalarOrSchedule | None = None,
    eps: ScalarOrSchedule = 1e-30,
    factored: bool = True,
    weight_decay_mask: Mask = None,
    *,
    axes: Axes = "largest",
) -> GradientTransformation:
    r"""Adafactor: `scale_by_adafactor`, a relative step size, and the scale of the parameters.

    $$\theta_t = \theta_{t-1} - \rho_t \max(10^{-3}, \mathrm{RMS}(\theta_{t-1}))\,\hat u_t$$

    Args:
      learning_rate: $\rho_t$; `None` is the paper's `relative_step_schedule()`, $\min(10^{-2}, 1/\sqrt t)$.
      decay_offset: the number of updates that do not count for the decay, the `step_offset` of
        `scale_by_factored_rms`.
      multiply_by_parameter_scale: whether steps are relative to the root mean square of the parameters.
      clipping_threshold: the greatest root mean square of a leaf's update; `None` does not clip.
      momentum: the decay of an average of the steps, without bias correction; `None` keeps no average.
      dtype_momentum: the dtype in which that average is stored.
      weight_decay_rate: the fraction of the parameters that each step takes away, not multiplied by the
        learning rate; `None` takes nothing.
      eps: added to the squares of the gradient, the `epsilon` of `scale_by_factored_rms`.
      weight_decay_mask: the leaves that decay, in the form of the `mask` of `add_decayed_weights`.

    **Reference**: Shazeer and Stern (2018), *Adafactor: Adaptive Learning Rates with Sublinear Memory
    Cost*, arXiv:1804.04235, algorithms 4 to 6. These have no momentum and no weight decay, which stand at
    the place that Optax gives them. Without a learning rate Optax takes $\rho_t = 1$, a hundred times as
    much. PyTorch puts its epsilon into the denominators instead of the squares, and for every `lr` $\rho$
    takes $\min(\rho, 1/\sqrt t)$, which is `relative_step_schedule(rho)` here, as does Keras.

    >>> adafactor()
    chain(scale_by_adafactor(decay_rate=0.8, step_offset=0.0, epsilon=1e-30, clipping_threshold=1.0),
          scale_by_learning_rate(learning_rate=relative_step_schedule(max_value=0.01), flip_sign=False),
          scale_by_param_block_rms(min_scale=0.001),
          scale(step_size=-1.0))
    """
    statistics = (factored, decay_rate, decay_offset, min_dim_size_to_factor, eps)
    steps: list[GradientTransformation] = []
    if clipping_threshold is None:
        steps.append(scale_by_factored_rms(*statistics, axes=axes))
    else:
        steps.append(scale_by_adafactor(*statistics, clipping_threshold=clipping_threshold, axes=axes))
    rate = relative_step_schedule() if learning_rate is None else learning_rate
    steps.append(scale_by_learning_rate(rate, flip_sign=False))
    if multiply_by_parameter_scale:
        steps.append(scale_by_param_block_rms())
    if momentum is not None:
        steps.append(ema(momentum, debias=False, accumulator_dtype=dtype_momentum))
    if weight_decay_rate is not None:
        steps.append(add_decayed_weights(weight_decay_rate, weight_decay_mask))
    return chain(*steps, scale(-1.0))

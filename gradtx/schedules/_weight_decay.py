"""The weight decay for a learning rate."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradtx.core import ScalarOrSchedule, Schedule, as_schedule, checks_keywords
from gradtx.schedules._checks import is_concrete, require

_HORIZON = 2**20


@checks_keywords
def corrected_weight_decay(
    weight_decay: ScalarOrSchedule,
    learning_rate: ScalarOrSchedule,
    max_learning_rate: float | None = None,
) -> ScalarOrSchedule:
    r"""A weight decay that follows the learning rate, for `add_decayed_weights` before it in a chain.

    $$\lambda_t = \lambda\,\frac{\eta_t}{\eta_{\max}}$$

    The parameters of a layer before a normalization settle at
    $\|g\| / \|\theta\| = \sqrt{2\lambda_t / \eta_t}$. With a constant decay this ratio grows without bound as
    the learning rate falls to 0. With this decay it is constant.

    Args:
      weight_decay: $\lambda$, the decay at the peak of the learning rate.
      learning_rate: $\eta_t$, the learning rate of the optimizer.
      max_learning_rate: $\eta_{\max}$; `None` for the maximum of the first 2^20 values of a schedule.

    Returns:
      A schedule, or a number where both arguments are numbers. **Count 0** gives
      $\lambda\,\eta_0 / \eta_{\max}$. **Past the end**, the decay follows the learning rate.

    Raises:
      ValueError: where `max_learning_rate`, or the maximum that is found, is not positive.

    **Reference**: Defazio (2025), *Why Gradients Rapidly Increase Near the End of Training*,
    arXiv:2506.02285, algorithm 1 (AdamC), for layers that are followed by normalization.

    >>> from gradtx import linear_schedule
    >>> import jax.numpy as jnp
    >>> decay = corrected_weight_decay(0.1, linear_schedule(0.02, 0.0, 4))
    >>> decay(jnp.arange(6))
    Array([0.1  , 0.075, 0.05 , 0.025, 0.   , 0.   ], dtype=float32)
    """
    peak = _peak(learning_rate) if max_learning_rate is None else max_learning_rate
    require("corrected_weight_decay", "above", 0.0, max_learning_rate=peak)
    if callable(weight_decay) or callable(learning_rate):
        return as_schedule(weight_decay) * (as_schedule(learning_rate) / peak)
    return weight_decay * (learning_rate / peak)


def _peak(learning_rate: Any) -> Any:
    """The maximum of the first values of a schedule, as a NumPy number where it is known."""
    if not callable(learning_rate):
        return learning_rate
    schedule: Schedule = as_schedule(learning_rate)
    # The counts are mapped: a function of the user need not accept an array of counts.
    peak = jax.jit(lambda: jnp.max(jax.vmap(schedule)(jnp.arange(_HORIZON))))()
    return np.asarray(peak)[()] if is_concrete(peak) else peak

"""DP-SGD."""

from typing import Any

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords, identity
from gradtx.rules import differentially_private_aggregate, scale_by_learning_rate, trace


@checks_keywords
def dpsgd(
    learning_rate: ScalarOrSchedule,
    l2_norm_clip: ScalarOrSchedule,
    noise_multiplier: ScalarOrSchedule,
    key: Any = 0,
    momentum: ScalarOrSchedule | None = None,
    nesterov: bool = False,
    *,
    axis_name: AxisName = None,
) -> GradientTransformation:
    """DP-SGD: `differentially_private_aggregate` of per-example gradients, then `trace` and the rate.

    The privacy that is spent depends on the batch size, the number of steps and the noise multiplier.
    Libraries for privacy accounting compute it.

    Args:
      momentum: the decay of the velocity of `trace`; `None` keeps no velocity.

    **Reference**: Abadi et al. (2016), *Deep Learning with Differential Privacy*, arXiv:1607.00133,
    algorithm 1.

    >>> dpsgd(0.1, l2_norm_clip=1.0, noise_multiplier=1.1)
    chain(differentially_private_aggregate(l2_norm_clip=1.0, noise_multiplier=1.1),
          identity(),
          scale_by_learning_rate(learning_rate=0.1))
    """
    velocity = identity() if momentum is None else trace(momentum, nesterov)
    aggregate = differentially_private_aggregate(l2_norm_clip, noise_multiplier, key, axis_name=axis_name)
    return chain(aggregate, velocity, scale_by_learning_rate(learning_rate))

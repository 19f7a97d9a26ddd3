"""LARS."""

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_lars, scale_by_learning_rate, trace
from gradtx.selection import Mask


@checks_keywords
def lars(
    learning_rate: ScalarOrSchedule,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: Mask = None,
    trust_coefficient: ScalarOrSchedule = 1e-3,
    eps: float = 0.0,
    trust_ratio_mask: Mask = None,
    momentum: ScalarOrSchedule = 0.9,
    nesterov: bool = False,
    *,
    axis_name: AxisName = None,
) -> GradientTransformation:
    """LARS: `scale_by_lars`, the gradient at a rate of each leaf's own, then the rate, then momentum.

    The velocity accumulates steps, each multiplied by the learning rate of its own time.

    Args:
      momentum: the decay of the velocity.

    **Reference**: You, Gitman and Ginsburg (2017), *Large Batch Training of Convolutional Networks*,
    arXiv:1708.03888, algorithm 1.

    The learning rate grows with the batch, after a warmup, and falls with the square of the remaining
    steps, as in the paper:

    >>> from gradtx import polynomial_schedule, scaled_learning_rate
    >>> rise = scaled_learning_rate(0.1, batch_size=8192, base_batch_size=256, warmup_steps=780)
    >>> rise(780)
    Array(3.2, dtype=float32)
    >>> fall = polynomial_schedule(1.0, 0.0, power=2, transition_steps=13260, transition_begin=780)
    >>> tx = lars(rise * fall, weight_decay=5e-5)

    >>> lars(0.1)
    chain(scale_by_lars(weight_decay=0.0, trust_coefficient=0.001, eps=0.0),
          scale_by_learning_rate(learning_rate=0.1),
          trace(decay=0.9))
    """
    return chain(
        scale_by_lars(
            weight_decay, weight_decay_mask, trust_coefficient, eps, trust_ratio_mask, axis_name=axis_name
        ),
        scale_by_learning_rate(learning_rate),
        trace(momentum, nesterov),
    )

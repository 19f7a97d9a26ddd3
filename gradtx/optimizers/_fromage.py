"""Fromage."""

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import rotate_by_learning_rate, scale_by_trust_ratio


@checks_keywords
def fromage(
    learning_rate: ScalarOrSchedule, min_norm: ScalarOrSchedule = 1e-6, *, axis_name: AxisName = None
) -> GradientTransformation:
    """Fromage: `scale_by_trust_ratio`, then the learning rate of `rotate_by_learning_rate`.

    Each layer moves by a distance in proportion to its own norm. Without the shrinking of that rate the norms
    of layers would grow with every step.

    **Reference**: Bernstein et al. (2020), *On the distance between two neural networks and the stability of
    learning*, arXiv:2002.03432, algorithm 1, which has no `min_norm`. The paper recommends a rate of 0.01.

    >>> fromage(0.01)
    chain(scale_by_trust_ratio(min_norm=1e-06, trust_coefficient=1.0, eps=0.0),
          rotate_by_learning_rate(learning_rate=0.01))
    """
    return chain(scale_by_trust_ratio(min_norm, axis_name=axis_name), rotate_by_learning_rate(learning_rate))

"""SM3."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_learning_rate, scale_by_sm3


@checks_keywords
def sm3(learning_rate: ScalarOrSchedule, momentum: ScalarOrSchedule | None = 0.9) -> GradientTransformation:
    """SM3: `scale_by_sm3`, AdaGrad with as many numbers as the axes are long, then the learning rate.

    Args:
      momentum: the decay of the average direction, which has the size of the parameters; `None` keeps no
        average.

    **Reference**: Anil et al. (2019), *Memory-Efficient Adaptive Optimization*, arXiv:1901.11150, algorithm
    SM3-II.

    >>> sm3(0.1)
    chain(scale_by_sm3(b1=0.9, b2=1.0, eps=1e-08), scale_by_learning_rate(learning_rate=0.1))
    """
    direction = scale_by_sm3(average=False) if momentum is None else scale_by_sm3(momentum)
    return chain(direction, scale_by_learning_rate(learning_rate))

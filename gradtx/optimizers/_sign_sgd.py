"""Sign descent: signSGD, and Signum with momentum."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import ema, scale_by_learning_rate, sign


@checks_keywords
def sign_sgd(learning_rate: ScalarOrSchedule) -> GradientTransformation:
    """signSGD: the `sign` of the gradient, then the learning rate.

    **Reference**: Bernstein et al. (2018), *signSGD: Compressed Optimisation for Non-Convex Problems*,
    arXiv:1802.04434, algorithm 1.

    >>> sign_sgd(1e-3)
    chain(sign(), scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(sign(), scale_by_learning_rate(learning_rate))


@checks_keywords
def signum(
    learning_rate: ScalarOrSchedule, beta: ScalarOrSchedule = 0.9, accumulator_dtype: Any = None
) -> GradientTransformation:
    """Signum: the `sign` of the average gradient, then the learning rate.

    The average has no bias correction, which would not change its sign. Lion with `b1` equal to `b2` is the
    same.

    Args:
      beta: the decay of the average.

    **Reference**: Bernstein et al. (2018), *signSGD: Compressed Optimisation for Non-Convex Problems*,
    arXiv:1802.04434, algorithm 2.

    >>> signum(1e-3)
    chain(ema(decay=0.9, debias=False), sign(), scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(ema(beta, False, accumulator_dtype), sign(), scale_by_learning_rate(learning_rate))

"""RAdam."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_learning_rate, scale_by_radam


@checks_keywords
def radam(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    threshold: ScalarOrSchedule = 5.0,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """RAdam: `scale_by_radam`, which needs no warmup, then the learning rate.

    **Reference**: Liu et al. (2020), *On the Variance of the Adaptive Learning Rate and Beyond*,
    arXiv:1908.03265, algorithm 2.

    >>> radam(1e-3)
    chain(scale_by_radam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, threshold=5.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_radam(b1, b2, eps, eps_root, threshold, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )

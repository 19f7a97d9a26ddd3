"""MADGRAD."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import l2_regularization, scale_by_madgrad


@checks_keywords
def madgrad(
    learning_rate: ScalarOrSchedule,
    momentum: ScalarOrSchedule = 0.9,
    weight_decay: ScalarOrSchedule = 0.0,
    eps: float = 1e-6,
) -> GradientTransformation:
    """MADGRAD: the decay coupled, as a part of the gradient, then `scale_by_madgrad`.

    **Reference**: Defazio and Jelassi (2021), *Adaptivity without Compromise: A Momentumized, Adaptive, Dual
    Averaged Gradient Method for Stochastic Optimization*, arXiv:2101.11075, algorithm 1.

    >>> madgrad(0.01)
    chain(add_decayed_weights(weight_decay=0.0),
          scale_by_madgrad(learning_rate=0.01, momentum=0.9, eps=1e-06))
    """
    return chain(l2_regularization(weight_decay), scale_by_madgrad(learning_rate, momentum, eps))

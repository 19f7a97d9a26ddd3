"""Adamax and AdamaxW."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import add_decayed_weights, scale_by_adamax, scale_by_learning_rate
from gradtx.selection import Mask


@checks_keywords
def adamax(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
) -> GradientTransformation:
    """Adamax: `scale_by_adamax`, then the learning rate.

    **Reference**: Kingma and Ba (2015), *Adam: A Method for Stochastic Optimization*, arXiv:1412.6980,
    algorithm 2.

    >>> adamax(2e-3)
    chain(scale_by_adamax(b1=0.9, b2=0.999, eps=1e-08), scale_by_learning_rate(learning_rate=0.002))
    """
    return chain(scale_by_adamax(b1, b2, eps), scale_by_learning_rate(learning_rate))


@checks_keywords
def adamaxw(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: Mask = None,
) -> GradientTransformation:
    """AdamaxW: `adamax` with decoupled weight decay between its direction and the learning rate.

    **Reference**: Loshchilov and Hutter (2019), arXiv:1711.05101, for the decay.

    >>> adamaxw(2e-3)
    chain(scale_by_adamax(b1=0.9, b2=0.999, eps=1e-08),
          add_decayed_weights(weight_decay=0.0001),
          scale_by_learning_rate(learning_rate=0.002))
    """
    return chain(
        scale_by_adamax(b1, b2, eps),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )

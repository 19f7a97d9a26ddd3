"""Lion."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import add_decayed_weights, scale_by_learning_rate, scale_by_lion
from gradtx.selection import Mask


@checks_keywords
def lion(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.99,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-3,
    mask: Mask = None,
) -> GradientTransformation:
    """Lion: `scale_by_lion`, decoupled weight decay, then the learning rate.

    **Reference**: Chen et al. (2023), *Symbolic Discovery of Optimization Algorithms*, arXiv:2302.06675,
    algorithm 2. The default decay is Optax's; the authors' code has 0.

    >>> lion(1e-4)
    chain(scale_by_lion(b1=0.9, b2=0.99),
          add_decayed_weights(weight_decay=0.001),
          scale_by_learning_rate(learning_rate=0.0001))
    """
    return chain(
        scale_by_lion(b1, b2, mu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )

"""ACProp."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import add_decayed_weights, scale_by_acprop, scale_by_learning_rate
from gradtx.selection import Mask


@checks_keywords
def acprop(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-16,
    eps_root: float = 1e-16,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: Mask = None,
) -> GradientTransformation:
    """ACProp: `scale_by_acprop`, decoupled weight decay, then the learning rate.

    **Reference**: Zhuang et al. (2021), *Momentum Centering and Asynchronous Update for Adaptive Gradient
    Methods*, arXiv:2110.05454.

    >>> acprop(1e-3)
    chain(scale_by_acprop(b1=0.9, b2=0.999, eps=1e-16, eps_root=1e-16),
          add_decayed_weights(weight_decay=0.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_acprop(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )

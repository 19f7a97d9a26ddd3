"""Adan."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import add_decayed_weights, scale_by_adan, scale_by_learning_rate
from gradtx.selection import Mask


@checks_keywords
def adan(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.98,
    b2: ScalarOrSchedule = 0.92,
    b3: ScalarOrSchedule = 0.99,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: Mask = None,
) -> GradientTransformation:
    r"""Adan: `scale_by_adan`, decoupled weight decay, then the learning rate.

    **Reference**: Xie et al. (2022), *Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep
    Models*, arXiv:2208.06677, algorithm 1. There the decay is proximal, $\theta_t = (\theta_{t-1} - \eta
    u_t) / (1 + \eta\lambda)$, which is this with the learning rate $\eta / (1 + \eta\lambda)$. Optax has
    1e-8 for `eps_root`, which would keep the root above 1e-4, and another weight of the change.

    >>> adan(1e-3)
    chain(scale_by_adan(b1=0.98, b2=0.92, b3=0.99, eps=1e-08, eps_root=0.0),
          add_decayed_weights(weight_decay=0.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_adan(b1, b2, b3, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )

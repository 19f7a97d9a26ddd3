"""AdaBelief."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import add_decayed_weights, scale_by_belief, scale_by_learning_rate
from gradtx.selection import Mask


@checks_keywords
def adabelief(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-16,
    eps_root: float = 1e-16,
    weight_decay: ScalarOrSchedule | None = None,
    weight_decay_mask: Mask = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """AdaBelief: `scale_by_belief`, decoupled weight decay if there is one, then the learning rate.

    Args:
      weight_decay: the strength of the decay, which the learning rate multiplies; `None` leaves it out.
      weight_decay_mask: the leaves that decay, as the mask of `add_decayed_weights`; `None` is all.

    **Reference**: Zhuang et al. (2020), *AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed
    Gradients*, arXiv:2010.07468, algorithm 2.

    >>> adabelief(1e-3)
    chain(scale_by_belief(b1=0.9, b2=0.999, eps=1e-16, eps_root=1e-16),
          scale_by_learning_rate(learning_rate=0.001))
    """
    decay = [] if weight_decay is None else [add_decayed_weights(weight_decay, weight_decay_mask)]
    return chain(
        scale_by_belief(b1, b2, eps, eps_root, nesterov=nesterov),
        *decay,
        scale_by_learning_rate(learning_rate),
    )

"""AdaBelief."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_belief, scale_by_learning_rate


@checks_keywords
def adabelief(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-16,
    eps_root: float = 1e-16,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """AdaBelief: `scale_by_belief`, then the learning rate.

    **Reference**: Zhuang et al. (2020), *AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed
    Gradients*, arXiv:2010.07468, algorithm 2.

    >>> adabelief(1e-3)
    chain(scale_by_belief(b1=0.9, b2=0.999, eps=1e-16, eps_root=1e-16),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_belief(b1, b2, eps, eps_root, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )

"""NovoGrad."""

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_learning_rate, scale_by_novograd


@checks_keywords
def novograd(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.25,
    eps: float = 1e-6,
    eps_root: float = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    *,
    axis_name: AxisName = None,
) -> GradientTransformation:
    """NovoGrad: `scale_by_novograd`, which includes the weight decay, then the learning rate.

    **Reference**: Ginsburg et al. (2019), *Stochastic Gradient Methods with Layer-wise Adaptive Moments for
    Training of Deep Networks*, arXiv:1905.11286, algorithm 1. The defaults are Optax's,
    which adds `eps` to the norm of the first gradient too.

    >>> novograd(1e-2)
    chain(scale_by_novograd(b1=0.9, b2=0.25, eps=1e-06, eps_root=0.0, weight_decay=0.0),
          scale_by_learning_rate(learning_rate=0.01))
    """
    return chain(
        scale_by_novograd(b1, b2, eps, eps_root, weight_decay, axis_name=axis_name),
        scale_by_learning_rate(learning_rate),
    )

"""Adam, with weight decay in its two forms, and AMSGrad."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import (
    add_decayed_weights,
    l2_regularization,
    scale_by_adam,
    scale_by_amsgrad,
    scale_by_learning_rate,
)
from gradtx.selection import Mask


@checks_keywords
def adam(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Adam: `scale_by_adam`, then the learning rate.

    **Reference**: Kingma and Ba (2015), *Adam: A Method for Stochastic Optimization*, arXiv:1412.6980,
    algorithm 1.

    >>> adam(1e-3)
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )


@checks_keywords
def adamw(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: Mask = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """AdamW: `adam` with decoupled weight decay between its direction and the learning rate.

    The decay is multiplied by the learning rate.

    **Reference**: Loshchilov and Hutter (2019), *Decoupled Weight Decay Regularization*,
    arXiv:1711.05101, algorithm 2. The default decay is Optax's; PyTorch's is 1e-2.

    >>> adamw(1e-3)
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          add_decayed_weights(weight_decay=0.0001),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


@checks_keywords
def adam_l2(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: Mask = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Adam with L2 regularization: `adam` with the decay coupled, as a part of the gradient.

    Frameworks called this weight decay before AdamW. It regularizes parameters with large gradients less,
    and is included for comparison with `adamw`.

    **Reference**: Loshchilov and Hutter (2019), arXiv:1711.05101, algorithm 2 (Adam with L2
    regularization).

    >>> adam_l2(1e-3)
    chain(add_decayed_weights(weight_decay=0.0001),
          scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        l2_regularization(weight_decay, mask),
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )


@checks_keywords
def amsgrad(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> GradientTransformation:
    """AMSGrad: `scale_by_amsgrad`, Adam with a second moment that never falls, then the learning rate.

    **Reference**: Reddi, Kale and Kumar (2018), *On the Convergence of Adam and Beyond*,
    arXiv:1904.09237, algorithm 2.

    >>> amsgrad(1e-3)
    chain(scale_by_amsgrad(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_amsgrad(b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu),
        scale_by_learning_rate(learning_rate),
    )

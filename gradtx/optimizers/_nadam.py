"""NAdam and NAdamW."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import add_decayed_weights, scale_by_adam, scale_by_learning_rate, scale_by_nadam
from gradtx.selection import Mask


@checks_keywords
def nadam(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    *,
    momentum_decay: ScalarOrSchedule | None = 0.004,
) -> GradientTransformation:
    """NAdam: `scale_by_nadam`, then the learning rate.

    Args:
      momentum_decay: the rate at which the momentum approaches `b1`; `None` is a constant momentum of `b1`,
        as in Optax, which is `scale_by_adam` with `nesterov`.

    **Reference**: Dozat (2015), *Incorporating Nesterov Momentum into Adam*, algorithm 8.

    >>> nadam(2e-3)
    chain(scale_by_nadam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, momentum_decay=0.004),
          scale_by_learning_rate(learning_rate=0.002))
    """
    return chain(
        _nadam_direction(b1, b2, eps, eps_root, mu_dtype, momentum_decay),
        scale_by_learning_rate(learning_rate),
    )


@checks_keywords
def nadamw(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: Mask = None,
    *,
    momentum_decay: ScalarOrSchedule | None = 0.004,
) -> GradientTransformation:
    """NAdamW: `nadam` with decoupled weight decay between its direction and the learning rate.

    Args:
      momentum_decay: as in `nadam`.

    **Reference**: Loshchilov and Hutter (2019), arXiv:1711.05101, for the decay.

    >>> nadamw(2e-3, momentum_decay=None)
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, nesterov=True),
          add_decayed_weights(weight_decay=0.0001),
          scale_by_learning_rate(learning_rate=0.002))
    """
    return chain(
        _nadam_direction(b1, b2, eps, eps_root, mu_dtype, momentum_decay),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def _nadam_direction(
    b1: Any, b2: Any, eps: float, eps_root: float, mu_dtype: Any, momentum_decay: Any
) -> GradientTransformation:
    if momentum_decay is None:
        return scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=True)
    return scale_by_nadam(b1, b2, eps, eps_root, mu_dtype, momentum_decay=momentum_decay)

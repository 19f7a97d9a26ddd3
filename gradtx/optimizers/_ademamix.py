"""AdEMAMix and its simplification."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import (
    add_decayed_weights,
    scale_by_ademamix,
    scale_by_learning_rate,
    scale_by_simplified_ademamix,
)
from gradtx.selection import Mask


@checks_keywords
def ademamix(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    b3: ScalarOrSchedule = 0.9999,
    alpha: ScalarOrSchedule = 5.0,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: Mask = None,
) -> GradientTransformation:
    """AdEMAMix: `scale_by_ademamix`, decoupled weight decay, then the learning rate.

    The paper warms up the slow average over the whole of training: for T steps, `b3` is
    `ademamix_b3_schedule(b3, T, b1)` and `alpha` is `ademamix_alpha_schedule(alpha, T)`.

    **Reference**: Pagliardini, Ablin and Grangier (2024), *The AdEMAMix Optimizer: Better, Faster, Older*,
    arXiv:2409.03137, algorithm 1. The defaults are those of the authors' code, and Optax's.

    >>> ademamix(1e-3)
    chain(scale_by_ademamix(b1=0.9, b2=0.999, b3=0.9999, alpha=5.0, eps=1e-08, eps_root=0.0),
          add_decayed_weights(weight_decay=0.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_ademamix(b1, b2, b3, alpha, eps, eps_root, mu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


@checks_keywords
def simplified_ademamix(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.99,
    b2: ScalarOrSchedule = 0.95,
    alpha: ScalarOrSchedule = 0.0,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: Mask = None,
) -> GradientTransformation:
    """Simplified AdEMAMix: `scale_by_simplified_ademamix`, decoupled weight decay, then the learning rate.

    **Reference**: Morwani et al. (2025), *Connections between Schedule-Free Optimizers, AdEMAMix, and
    Accelerated SGD Variants*, arXiv:2502.02431. The defaults are Optax's.

    >>> simplified_ademamix(1e-5)
    chain(scale_by_simplified_ademamix(b1=0.99, b2=0.95, alpha=0.0, eps=1e-08, eps_root=0.0),
          add_decayed_weights(weight_decay=0.0),
          scale_by_learning_rate(learning_rate=1e-05))
    """
    return chain(
        scale_by_simplified_ademamix(b1, b2, alpha, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )

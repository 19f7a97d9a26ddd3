"""ADOPT."""

from collections.abc import Callable
from typing import Any

import jax

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_adopt, scale_by_learning_rate


@checks_keywords
def adopt(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.9999,
    eps: float = 1e-6,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    use_clipping: bool = True,
    clip_value_fn: Callable[[jax.Array], Any] | None = None,
) -> GradientTransformation:
    """ADOPT: `scale_by_adopt`, then the learning rate.

    Decoupled weight decay is `add_decayed_weights` between the two.

    **Reference**: Taniguchi et al. (2024), *ADOPT: Modified Adam Can Converge with Any β2 with the Optimal
    Rate*, arXiv:2411.02853, algorithm 2.

    >>> adopt(1e-3)
    chain(scale_by_adopt(b1=0.9, b2=0.9999, eps=1e-06), scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_adopt(
            b1,
            b2,
            eps,
            mu_dtype,
            nesterov=nesterov,
            use_clipping=use_clipping,
            clip_value_fn=clip_value_fn,
        ),
        scale_by_learning_rate(learning_rate),
    )

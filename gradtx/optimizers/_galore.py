"""GaLore."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import add_decayed_weights, scale_by_adam, scale_by_learning_rate
from gradtx.selection import DimensionNumbers, Mask
from gradtx.wrappers import scale_by_galore


@checks_keywords
def galore(
    learning_rate: ScalarOrSchedule,
    rank: int = 128,
    update_proj_gap: int = 200,
    scale: ScalarOrSchedule = 1.0,
    base_optimizer: GradientTransformation | None = None,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: Mask = None,
    weight_dimension_numbers: DimensionNumbers = None,
    *,
    longer_side: bool = False,
) -> chain:
    """GaLore: `scale_by_galore`, decoupled weight decay and the learning rate.

    Weight decay acts on the whole parameters, not on the subspace alone.

    Args:
      mask: the leaves that decay, as in `add_decayed_weights`.

    **Reference**: Zhao et al. (2024), *GaLore: Memory-Efficient LLM Training by Gradient Low-Rank
    Projection*, arXiv:2403.03507, algorithm 2. The authors train with the rank 128 to 1024, a scale of 0.25
    and a learning rate of 0.01.

    >>> print(galore(0.01, rank=4))
    chain(scale_by_galore(rank=4, scale=1.0,
                          base_optimizer=scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0)),
          add_decayed_weights(weight_decay=0.0),
          scale_by_learning_rate(learning_rate=0.01))
    """
    return chain(
        scale_by_galore(
            rank,
            update_proj_gap,
            scale,
            scale_by_adam() if base_optimizer is None else base_optimizer,
            weight_dimension_numbers,
            longer_side=longer_side,
        ),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )

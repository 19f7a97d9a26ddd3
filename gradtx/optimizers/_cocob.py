"""COCOB."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import l2_regularization, scale, scale_by_cocob
from gradtx.selection import Mask


@checks_keywords
def cocob(
    learning_rate: ScalarOrSchedule = 1.0,
    alpha: ScalarOrSchedule = 100.0,
    eps: float = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: Mask = None,
) -> GradientTransformation:
    """COCOB: `scale_by_cocob` of the gradient of the loss with an L2 penalty.

    Args:
      learning_rate: a factor of the gradients, as in Optax: a schedule weighs early gradients and late ones
        differently, and a constant one cancels.
      weight_decay: the strength of the L2 penalty, a part of the gradient.
      mask: the leaves that decay, as in `add_decayed_weights`.

    **Reference**: Orabona and Tommasi (2017), *Training Deep Networks without Learning Rates Through Coin
    Betting*, arXiv:1705.07795, algorithm 2.

    >>> cocob()
    chain(add_decayed_weights(weight_decay=0.0),
          scale(step_size=1.0),
          scale_by_cocob(alpha=100.0, eps=1e-08))
    """
    return chain(l2_regularization(weight_decay, mask), scale(learning_rate), scale_by_cocob(alpha, eps))

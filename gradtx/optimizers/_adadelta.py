"""Adadelta."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords, identity
from gradtx.rules import l2_regularization, scale_by_adadelta, scale_by_learning_rate
from gradtx.selection import Mask


@checks_keywords
def adadelta(
    learning_rate: ScalarOrSchedule = 1.0,
    rho: ScalarOrSchedule = 0.9,
    eps: float = 1e-6,
    weight_decay: ScalarOrSchedule | None = None,
    weight_decay_mask: Mask = None,
) -> GradientTransformation:
    """Adadelta: `scale_by_adadelta`, with `weight_decay` after L2 regularization, then the learning rate.

    The direction is a step by itself: the paper has no learning rate, which is a rate of 1.

    Args:
      weight_decay: the factor of the parameters in the gradient; `None` adds nothing.
      weight_decay_mask: the leaves that decay, in the form of the `mask` of `add_decayed_weights`.

    **Reference**: Zeiler (2012), *ADADELTA: An Adaptive Learning Rate Method*, arXiv:1212.5701, algorithm 1.
    Optax's default for the rate is `None`, which keeps the sign that goes uphill. The decay is a part of
    the gradient, as in Optax and PyTorch.

    >>> adadelta()
    chain(identity(), scale_by_adadelta(rho=0.9, eps=1e-06), scale_by_learning_rate(learning_rate=1.0))
    """
    return chain(
        identity() if weight_decay is None else l2_regularization(weight_decay, weight_decay_mask),
        scale_by_adadelta(rho, eps),
        scale_by_learning_rate(learning_rate),
    )

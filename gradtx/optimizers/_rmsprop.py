"""RMSprop."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords, identity
from gradtx.rules import scale_by_learning_rate, scale_by_rms, scale_by_stddev, trace


@checks_keywords
def rmsprop(
    learning_rate: ScalarOrSchedule,
    decay: ScalarOrSchedule = 0.9,
    eps: float = 1e-8,
    initial_scale: float = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: ScalarOrSchedule | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> GradientTransformation:
    """RMSprop: `scale_by_rms`, or `scale_by_stddev` if `centered`, then the learning rate.

    Args:
      centered: whether the gradient is divided by its standard deviation instead of its root mean square.
      momentum: the decay of a `trace` after the learning rate, as in TensorFlow and Optax: the velocity
        accumulates steps, not directions. `None` keeps no velocity.

    **Reference**: Tieleman and Hinton (2012), *Lecture 6.5: RMSprop*; Graves (2013), arXiv:1308.0850,
    for the centred form.

    >>> rmsprop(0.01)
    chain(scale_by_rms(decay=0.9, eps=1e-08, initial_scale=0.0),
          scale_by_learning_rate(learning_rate=0.01),
          identity())
    """
    scaling = scale_by_stddev if centered else scale_by_rms
    return chain(
        scaling(decay, eps, initial_scale, eps_in_sqrt, bias_correction),
        scale_by_learning_rate(learning_rate),
        identity() if momentum is None else trace(momentum, nesterov),
    )

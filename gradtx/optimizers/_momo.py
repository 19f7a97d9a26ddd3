"""MoMo and MoMo-Adam: steps of Polyak's size with momentum."""

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale, scale_by_momo, scale_by_momo_adam


@checks_keywords
def momo(
    learning_rate: ScalarOrSchedule = 1.0,
    beta: ScalarOrSchedule = 0.9,
    lower_bound: ScalarOrSchedule = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    adapt_lower_bound: bool = False,
    *,
    axis_name: AxisName = None,
) -> GradientTransformation:
    """MoMo: `scale_by_momo`, momentum with steps of Polyak's size, with the sign of a descent.

    Every update takes the loss as `value=`.

    **Reference**: Schaipp et al. (2023), *MoMo: Momentum Models for Adaptive Learning Rates*,
    arXiv:2305.07583, algorithm 1.

    >>> momo()
    chain(scale_by_momo(learning_rate=1.0, beta=0.9, lower_bound=0.0, weight_decay=0.0),
          scale(step_size=-1.0))
    """
    return chain(
        scale_by_momo(
            learning_rate,
            beta,
            lower_bound=lower_bound,
            weight_decay=weight_decay,
            adapt_lower_bound=adapt_lower_bound,
            axis_name=axis_name,
        ),
        scale(-1.0),
    )


@checks_keywords
def momo_adam(
    learning_rate: ScalarOrSchedule = 1e-2,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    lower_bound: ScalarOrSchedule = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    adapt_lower_bound: bool = False,
    *,
    axis_name: AxisName = None,
) -> GradientTransformation:
    """MoMo-Adam: `scale_by_momo_adam`, Adam with steps of Polyak's size, with the sign of a descent.

    Every update takes the loss as `value=`.

    **Reference**: Schaipp et al. (2023), *MoMo: Momentum Models for Adaptive Learning Rates*,
    arXiv:2305.07583, algorithm 2.

    >>> momo_adam()
    chain(scale_by_momo_adam(learning_rate=0.01, b1=0.9, b2=0.999, eps=1e-08, lower_bound=0.0,
                             weight_decay=0.0),
          scale(step_size=-1.0))
    """
    return chain(
        scale_by_momo_adam(
            learning_rate,
            b1,
            b2,
            eps,
            lower_bound=lower_bound,
            weight_decay=weight_decay,
            adapt_lower_bound=adapt_lower_bound,
            axis_name=axis_name,
        ),
        scale(-1.0),
    )

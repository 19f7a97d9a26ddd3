"""Yogi."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_learning_rate, scale_by_yogi


@checks_keywords
def yogi(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-3,
    *,
    initial_accumulator_value: float = 1e-6,
    bias_correction: bool = True,
) -> GradientTransformation:
    """Yogi: `scale_by_yogi`, then the learning rate.

    **Reference**: Zaheer et al. (2018), *Adaptive Methods for Nonconvex Optimization*, NeurIPS, algorithm 2:
    its recommended rate is 1e-2.

    >>> yogi(1e-2)
    chain(scale_by_yogi(b1=0.9, b2=0.999, eps=0.001, eps_root=0.0, initial_accumulator_value=1e-06),
          scale_by_learning_rate(learning_rate=0.01))
    """
    return chain(
        scale_by_yogi(b1, b2, eps, 0.0, initial_accumulator_value, bias_correction=bias_correction),
        scale_by_learning_rate(learning_rate),
    )

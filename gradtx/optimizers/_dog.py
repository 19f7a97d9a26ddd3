"""DoG and DoWG: gradient descent without a learning rate to tune."""

from typing import Any, Literal

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import l2_regularization, scale_by_dog, scale_by_dowg, scale_by_learning_rate
from gradtx.selection import Mask


@checks_keywords
def dog(
    learning_rate: ScalarOrSchedule = 1.0,
    init_step: tuple[Literal["heuristic", "distance", "learning_rate"], ScalarOrSchedule] = (
        "heuristic",
        1e-6,
    ),
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule | None = None,
    mask: Mask = None,
    *,
    axis_name: AxisName = None,
) -> GradientTransformation:
    """DoG: `scale_by_dog`, whose steps are as long as the distance travelled says, then a factor.

    Args:
      learning_rate: a factor of the steps: 1, or a schedule that begins there.
      init_step: the kind of the first step and its number, as in `scale_by_dog`.
      weight_decay: the strength of an L2 penalty, a part of the gradient; `None` adds nothing.
      mask: the leaves that decay, as in `add_decayed_weights`.

    **Reference**: Ivgi, Hinder and Carmon (2023), *DoG is SGD's Best Friend: A Parameter-Free Dynamic Step
    Size Schedule*, arXiv:2302.12022.

    >>> dog(init_step=("distance", 0.01))
    chain(scale_by_dog(init_step=0.01, eps=1e-08, kind='distance'),
          scale_by_learning_rate(learning_rate=1.0))
    """
    kind, first = init_step
    return chain(
        *_penalty(weight_decay, mask),
        scale_by_dog(first, eps, kind=kind, axis_name=axis_name),
        scale_by_learning_rate(learning_rate),
    )


@checks_keywords
def dowg(
    learning_rate: ScalarOrSchedule = 1.0,
    init_estim_sq_dist: ScalarOrSchedule | None = None,
    eps: ScalarOrSchedule = 1e-4,
    weight_decay: ScalarOrSchedule | None = None,
    mask: Mask = None,
    *,
    axis_name: AxisName = None,
) -> GradientTransformation:
    """DoWG: `scale_by_dowg`, whose steps are as long as the distance travelled says, then a factor.

    Args:
      learning_rate: a factor of the steps: 1, or a schedule that begins there.
      init_estim_sq_dist: a guess of the squared distance to the solution that is surely too small; `None` is
        `eps`.
      weight_decay: the strength of an L2 penalty, a part of the gradient; `None` adds nothing.
      mask: the leaves that decay, as in `add_decayed_weights`.

    **Reference**: Khaled, Mishchenko and Jin (2023), *DoWG Unleashed: An Efficient Universal Parameter-Free
    Gradient Descent Method*, arXiv:2305.16284, algorithm 1.

    >>> dowg()
    chain(scale_by_dowg(init_estim_sq_dist=0.0001, eps=0.0001),
          scale_by_learning_rate(learning_rate=1.0))
    """
    return chain(
        *_penalty(weight_decay, mask),
        scale_by_dowg(eps if init_estim_sq_dist is None else init_estim_sq_dist, eps, axis_name=axis_name),
        scale_by_learning_rate(learning_rate),
    )


def _penalty(weight_decay: ScalarOrSchedule | None, mask: Mask) -> list[Any]:
    return [] if weight_decay is None else [l2_regularization(weight_decay, mask)]

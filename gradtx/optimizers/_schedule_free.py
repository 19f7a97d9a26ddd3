"""Schedule-Free SGD and AdamW: no decay of the learning rate, and no planned end of training."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, as_schedule, chain, checks_keywords
from gradtx.rules import add_decayed_weights, scale_by_learning_rate, scale_by_rms
from gradtx.schedules import linear_schedule
from gradtx.selection import Mask
from gradtx.wrappers import schedule_free


@checks_keywords
def schedule_free_sgd(
    learning_rate: ScalarOrSchedule = 1.0,
    warmup_steps: int | None = None,
    b1: ScalarOrSchedule = 0.9,
    weight_decay: ScalarOrSchedule | None = None,
    weight_lr_power: ScalarOrSchedule = 2.0,
    state_dtype: Any = None,
    *,
    mask: Mask = None,
) -> GradientTransformation:
    r"""Schedule-Free SGD: `schedule_free` around gradient descent. Evaluate at `eval_params`.

    Args:
      learning_rate: the length $\eta$ of the step after the warmup.
      warmup_steps: the number $W$ of the first steps, in which the learning rate rises: in step $k$ it is
        $k / W$ of the full rate. `None` is no warmup.
      weight_decay: the factor of the parameters, the points of the gradients, in the gradients; `None` adds
        nothing.

    **State** beside the parameters: 8 bytes a float32 parameter.

    **Reference**: Defazio et al. (2024), *The Road Less Scheduled*, arXiv:2405.15682, equations 3 to 5.
    Optax's warmup begins with a step of 0.

    >>> schedule_free_sgd(0.5)
    schedule_free(base_optimizer=chain(scale_by_learning_rate(learning_rate=0.5)),
                  learning_rate=0.5, b1=0.9, weight_lr_power=2.0)
    """
    rate = _warmed_up(learning_rate, warmup_steps)
    decay = [] if weight_decay is None else [add_decayed_weights(weight_decay, mask)]
    base = chain(*decay, scale_by_learning_rate(rate))
    return schedule_free(base, rate, b1, weight_lr_power, state_dtype)


@checks_keywords
def schedule_free_adamw(
    learning_rate: ScalarOrSchedule = 0.0025,
    warmup_steps: int | None = None,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_lr_power: ScalarOrSchedule = 2.0,
    state_dtype: Any = None,
    *,
    mask: Mask = None,
) -> GradientTransformation:
    r"""Schedule-Free AdamW: `schedule_free` around Adam without momentum. Evaluate at `eval_params`.

    The interpolation of `schedule_free` by `b1` takes the place of Adam's momentum.

    Args:
      learning_rate: the length $\eta$ of the step after the warmup.
      warmup_steps: as in `schedule_free_sgd`.
      b2: the decay of the average square, which is corrected for its start at zero.
      eps: added to the root of the average square.
      weight_decay: the fraction of the parameters, the points of the gradients, that each step takes away,
        times the learning rate.

    **State** beside the parameters: 12 bytes a float32 parameter.

    **Reference**: Defazio et al. (2024), *The Road Less Scheduled*, arXiv:2405.15682, algorithm 1, in the
    form of its authors' code since version 1.3, and of Optax. The paper leaves the square uncorrected and
    multiplies the learning rate by the correction, which thereby enters the decay and the weights of the
    average too. Optax's warmup begins with a step of 0.

    >>> schedule_free_adamw()
    schedule_free(base_optimizer=chain(scale_by_rms(decay=0.999, eps=1e-08, initial_scale=0.0,
                                                    eps_in_sqrt=False, bias_correction=True),
                                       add_decayed_weights(weight_decay=0.0),
                                       scale_by_learning_rate(learning_rate=0.0025)),
                  learning_rate=0.0025, b1=0.9, weight_lr_power=2.0)
    """
    rate = _warmed_up(learning_rate, warmup_steps)
    base = chain(
        scale_by_rms(b2, eps, eps_in_sqrt=False, bias_correction=True),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(rate),
    )
    return schedule_free(base, rate, b1, weight_lr_power, state_dtype)


def _warmed_up(learning_rate: ScalarOrSchedule, steps: int | None) -> ScalarOrSchedule:
    """The learning rate, times k / steps in step k of the warmup."""
    if not steps:
        return learning_rate
    return linear_schedule(1.0 / steps, 1.0, steps - 1) * as_schedule(learning_rate)

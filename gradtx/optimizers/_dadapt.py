"""AdamW with D-Adaptation."""

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale, scale_by_dadapt_adamw


@checks_keywords
def dadapt_adamw(
    learning_rate: ScalarOrSchedule = 1.0,
    betas: tuple[ScalarOrSchedule, ScalarOrSchedule] = (0.9, 0.999),
    eps: ScalarOrSchedule = 1e-8,
    estim_lr0: ScalarOrSchedule = 1e-6,
    weight_decay: ScalarOrSchedule = 0.0,
    *,
    bias_correction: bool = False,
    axis_name: AxisName = None,
) -> GradientTransformation:
    """AdamW with D-Adaptation: `scale_by_dadapt_adamw`, with the sign of a descent.

    Args:
      betas: the decays `b1` and `b2` of `scale_by_dadapt_adamw`.

    **Reference**: Defazio and Mishchenko (2023), *Learning-Rate-Free Learning by D-Adaptation*,
    arXiv:2301.07733. Optax's is this with `bias_correction=True`.

    >>> dadapt_adamw(betas=(0.9, 0.99))
    chain(scale_by_dadapt_adamw(learning_rate=1.0, b1=0.9, b2=0.99, eps=1e-08, estim_lr0=1e-06,
                                weight_decay=0.0),
          scale(step_size=-1.0))
    """
    b1, b2 = betas
    return chain(
        scale_by_dadapt_adamw(
            learning_rate,
            b1,
            b2,
            eps,
            estim_lr0,
            weight_decay,
            bias_correction=bias_correction,
            axis_name=axis_name,
        ),
        scale(-1.0),
    )

"""Prodigy."""

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale, scale_by_prodigy
from gradtx.selection import Mask


@checks_keywords
def prodigy(
    learning_rate: ScalarOrSchedule = 1.0,
    betas: tuple[ScalarOrSchedule, ScalarOrSchedule] = (0.9, 0.999),
    beta3: ScalarOrSchedule | None = None,
    eps: ScalarOrSchedule = 1e-8,
    estim_lr0: ScalarOrSchedule = 1e-6,
    estim_lr_coef: ScalarOrSchedule = 1.0,
    weight_decay: ScalarOrSchedule = 0.0,
    safeguard_warmup: bool = False,
    weight_decay_mask: Mask = None,
    *,
    growth_rate: ScalarOrSchedule = float("inf"),
    bias_correction: bool = False,
    axis_name: AxisName = None,
) -> GradientTransformation:
    """Prodigy: `scale_by_prodigy`, AdamW that finds its own learning rate, with the sign of a descent.

    Args:
      betas: the decays `b1` and `b2` of `scale_by_prodigy`.
      beta3: the decay `b3` of `scale_by_prodigy`; `None` is the square root of `b2`.

    **Reference**: Mishchenko and Defazio (2024), *Prodigy: An Expeditiously Adaptive Parameter-Free
    Learner*, arXiv:2306.06101, algorithm 4. Optax's is this with `bias_correction=True`.

    >>> prodigy(betas=(0.9, 0.99), beta3=0.995)
    chain(scale_by_prodigy(learning_rate=1.0, b1=0.9, b2=0.99, b3=0.995, eps=1e-08, estim_lr0=1e-06,
                           estim_lr_coef=1.0, weight_decay=0.0, growth_rate=float('inf')),
          scale(step_size=-1.0))
    """
    b1, b2 = betas
    b3 = _root(b2) if beta3 is None else beta3
    return chain(
        scale_by_prodigy(
            learning_rate,
            b1,
            b2,
            b3,
            eps,
            estim_lr0,
            estim_lr_coef,
            weight_decay,
            growth_rate=growth_rate,
            safeguard_warmup=safeguard_warmup,
            bias_correction=bias_correction,
            weight_decay_mask=weight_decay_mask,
            axis_name=axis_name,
        ),
        scale(-1.0),
    )


def _root(b2: ScalarOrSchedule) -> ScalarOrSchedule:
    if callable(b2):
        raise ValueError("prodigy: betas[1] is a schedule, so that beta3 has no default: give beta3 too.")
    return b2**0.5

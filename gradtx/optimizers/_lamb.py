"""LAMB."""

from typing import Any

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_lamb, scale_by_learning_rate
from gradtx.selection import Mask


@checks_keywords
def lamb(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-6,
    eps_root: float = 0.0,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: Mask = None,
    *,
    mu_dtype: Any = None,
    trust_ratio_mask: Mask = None,
    norm_bounds: tuple[float, float] = (0.0, float("inf")),
    axis_name: AxisName = None,
) -> GradientTransformation:
    """LAMB: `scale_by_lamb`, Adam's direction with weight decay at the norm of each leaf, then the rate.

    Every leaf moves by the learning rate times its own norm, however large its gradients. The learning rate
    can therefore grow with the batch.

    **Reference**: You et al. (2020), *Large Batch Optimization for Deep Learning: Training BERT in 76
    minutes*, arXiv:1904.00962, algorithm 2. The authors' code leaves normalization and biases without decay
    and ratio, which is `except_bias_norm_embedding` for both masks, up to the embedding. The defaults,
    with no decay and no bounds, are Optax's.

    The learning rate grows with the root of the batch, after a warmup; the paper takes 6.25e-4 for 512
    examples of BERT and 5e-3 for 32768:

    >>> from gradtx import linear_schedule, scaled_learning_rate
    >>> rise = scaled_learning_rate(6.25e-4, 32768, base_batch_size=512, rule="sqrt", warmup_steps=1000)
    >>> rise(1000)
    Array(0.005, dtype=float32)
    >>> tx = lamb(rise * linear_schedule(1.0, 0.0, 14000, transition_begin=1000), weight_decay=0.01)

    >>> lamb(1e-3)
    chain(scale_by_lamb(b1=0.9, b2=0.999, eps=1e-06, eps_root=0.0, weight_decay=0.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_lamb(
            b1,
            b2,
            eps,
            eps_root,
            weight_decay,
            mask,
            mu_dtype=mu_dtype,
            trust_ratio_mask=trust_ratio_mask,
            norm_bounds=norm_bounds,
            axis_name=axis_name,
        ),
        scale_by_learning_rate(learning_rate),
    )

"""AdamC."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import add_decayed_weights, scale_by_adam, scale_by_learning_rate
from gradtx.schedules import corrected_weight_decay
from gradtx.selection import Mask, by_mask
from gradtx.wrappers import partition


@checks_keywords
def adamc(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: Mask = None,
    *,
    max_learning_rate: float | None = None,
    normalized: Mask = None,
) -> GradientTransformation:
    r"""AdamC: `adamw` with the decay of normalized layers in proportion to the learning rate.

    $$\theta_t = \theta_{t-1} - \eta_t\,\Big(u_t + \lambda\,\frac{\eta_t}{\eta_{\max}}\,\theta_{t-1}\Big)$$

    where $u$ is the direction of Adam. With a constant learning rate it is `adamw`. The decay keeps to the
    learning rate of the call: `replace(tx, learning_rate=...)` does not change it.

    Args:
      learning_rate: the length $\eta$ of the step along the direction, which the decay follows.
      weight_decay: the strength $\lambda$ of the decay at the peak of the learning rate.
      mask: the leaves that decay at all, as in `add_decayed_weights`.
      max_learning_rate: the peak $\eta_{\max}$; `None` finds it, as `corrected_weight_decay` does.
      normalized: the leaves that are followed by normalization, in the form of a mask; the others decay as in
        `adamw`. In a transformer these are the matrices of the blocks. `None` is all leaves.

    **Reference**: Defazio (2025), *Why Gradients Rapidly Increase Near the End of Training*,
    arXiv:2506.02285, algorithm 1, which corrects normalized layers alone. The default decay is that of
    `adamw`.

    >>> from gradtx import adamw, linear_schedule
    >>> adamc(1e-3, weight_decay=0.1) == adamw(1e-3, weight_decay=0.1)
    True
    >>> adamc(linear_schedule(0.5, 0.0, 10), weight_decay=0.1, max_learning_rate=0.5)
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          add_decayed_weights(weight_decay=(constant_schedule(value=0.1)
                                            * (linear_schedule(
                                                   init_value=0.5, end_value=0.0, transition_steps=10.0,
                                                   transition_begin=0.0)
                                               / constant_schedule(value=0.5)))),
          scale_by_learning_rate(learning_rate=linear_schedule(
              init_value=0.5, end_value=0.0, transition_steps=10.0, transition_begin=0.0)))
    """
    corrected = corrected_weight_decay(weight_decay, learning_rate, max_learning_rate)
    decay: GradientTransformation = add_decayed_weights(corrected, mask)
    if normalized is not None:
        plain = add_decayed_weights(weight_decay, mask)
        decay = partition({"corrected": decay, "plain": plain}, by_mask(normalized, "corrected", "plain"))
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype),
        decay,
        scale_by_learning_rate(learning_rate),
    )

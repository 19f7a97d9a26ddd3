"""Sophia."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import (
    add_decayed_weights,
    hutchinson_estimator_diag_hessian,
    scale_by_learning_rate,
    scale_by_sophia,
)
from gradtx.selection import Mask


@checks_keywords
def sophia(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.965,
    b2: ScalarOrSchedule = 0.99,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule = 1e-4,
    weight_decay_mask: Mask = None,
    gamma: ScalarOrSchedule = 0.01,
    clip_threshold: ScalarOrSchedule | None = 1.0,
    update_interval: int = 10,
    hessian_diagonal_fn: GradientTransformation = hutchinson_estimator_diag_hessian(),  # noqa: B008 - a value, never changed
    mu_dtype: Any = None,
) -> GradientTransformation:
    """Sophia: `scale_by_sophia`, decoupled weight decay, then the learning rate.

    By default it is the paper's Sophia-H: `update` needs `obj_fn`, the loss as a function of the parameters.
    Sophia-G is `sophia(learning_rate, gamma=0.05, hessian_diagonal_fn=gauss_newton_bartlett())`, whose
    `update` needs `logits_fn`.

    Args:
      weight_decay_mask: the leaves that decay, in the form of the `mask` of `add_decayed_weights`.
      clip_threshold: the greatest absolute value of an element of the direction; `None` is no bound.

    **Reference**: Liu et al. (2023), *Sophia: A Scalable Stochastic Second-order Optimizer for Language
    Model Pre-training*, arXiv:2305.14342, algorithm 3. The defaults are Optax's; the paper has `b1=0.96`,
    `eps=1e-12` and `weight_decay=0.2`.

    >>> sophia(1e-3)
    chain(scale_by_sophia(b1=0.965, b2=0.99, eps=1e-08, gamma=0.01, clip_threshold=1.0,
                          hessian_diagonal_fn=hutchinson_estimator_diag_hessian()),
          add_decayed_weights(weight_decay=0.0001),
          scale_by_learning_rate(learning_rate=0.001))
    """
    bound = float("inf") if clip_threshold is None else clip_threshold
    return chain(
        scale_by_sophia(b1, b2, eps, gamma, bound, update_interval, hessian_diagonal_fn, mu_dtype),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )

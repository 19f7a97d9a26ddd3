"""Optimistic gradient descent and optimistic Adam, for games of two players."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_adam, scale_by_learning_rate, scale_by_optimistic_gradient


@checks_keywords
def optimistic_gradient_descent(
    learning_rate: ScalarOrSchedule, alpha: ScalarOrSchedule = 1.0, beta: ScalarOrSchedule = 1.0
) -> GradientTransformation:
    """Optimistic gradient descent: `scale_by_optimistic_gradient`, then the learning rate.

    **Reference**: Daskalakis et al. (2018), *Training GANs with Optimism*, arXiv:1711.00141, section 2.

    >>> optimistic_gradient_descent(0.1)
    chain(scale_by_optimistic_gradient(alpha=1.0, beta=1.0), scale_by_learning_rate(learning_rate=0.1))
    """
    return chain(scale_by_optimistic_gradient(alpha, beta), scale_by_learning_rate(learning_rate))


@checks_keywords
def optimistic_adam_v2(
    learning_rate: ScalarOrSchedule,
    *,
    alpha: ScalarOrSchedule = 1.0,
    beta: ScalarOrSchedule = 1.0,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    nesterov: bool = True,
) -> GradientTransformation:
    """Optimistic Adam: `scale_by_adam`, `scale_by_optimistic_gradient`, then the learning rate.

    The change is that of Adam's direction, each with the second moment of its own time.

    **Reference**: Daskalakis et al. (2018), *Training GANs with Optimism*, arXiv:1711.00141, algorithm 1,
    which has `nesterov=False`. The default is Optax's.

    >>> optimistic_adam_v2(1e-3)
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, nesterov=True),
          scale_by_optimistic_gradient(alpha=1.0, beta=1.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_optimistic_gradient(alpha, beta),
        scale_by_learning_rate(learning_rate),
    )


@checks_keywords
def optimistic_adam(
    learning_rate: ScalarOrSchedule,
    optimism: ScalarOrSchedule | None = None,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
) -> GradientTransformation:
    """Optimistic Adam with a rate for the change alone: an older form of `optimistic_adam_v2`, as in Optax.

    It is `optimistic_adam_v2(1.0, alpha=learning_rate, beta=optimism)`.

    Args:
      learning_rate: the factor of the direction, a number or a schedule.
      optimism: the factor of its change; `None` is the learning rate.

    **Reference**: Daskalakis et al. (2018), *Training GANs with Optimism*, arXiv:1711.00141, algorithm 1.

    >>> optimistic_adam(1e-3)
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0, nesterov=True),
          scale_by_optimistic_gradient(alpha=0.001, beta=0.001),
          scale_by_learning_rate(learning_rate=1.0))
    """
    return optimistic_adam_v2(
        1.0,
        alpha=learning_rate,
        beta=learning_rate if optimism is None else optimism,
        b1=b1,
        b2=b2,
        eps=eps,
        eps_root=eps_root,
        mu_dtype=mu_dtype,
        nesterov=nesterov,
    )

"""Stochastic gradient descent: plain, with momentum, with Nesterov's look-ahead, with noise."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, identity
from gradtx.transforms import add_noise, scale_by_learning_rate, trace


def sgd(
    learning_rate: ScalarOrSchedule,
    momentum: ScalarOrSchedule | None = None,
    nesterov: bool = False,
    accumulator_dtype: Any = None,
) -> GradientTransformation:
    r"""Stochastic gradient descent: $\theta \leftarrow \theta - \eta\,g$.

    Args:
      momentum: the decay of the velocity of `trace`, which then comes first; `None` keeps no velocity.

    **Reference**: Robbins and Monro (1951), *A Stochastic Approximation Method*, equation 8.

    >>> sgd(0.1, momentum=0.9)
    chain(trace(decay=0.9), scale_by_learning_rate(learning_rate=0.1))
    """
    velocity = identity() if momentum is None else trace(momentum, nesterov, accumulator_dtype)
    return chain(velocity, scale_by_learning_rate(learning_rate))


def momentum(
    learning_rate: ScalarOrSchedule, decay: ScalarOrSchedule = 0.9, accumulator_dtype: Any = None
) -> GradientTransformation:
    """`sgd` with momentum: Polyak's heavy ball, see `trace`.

    >>> momentum(0.1)
    chain(trace(decay=0.9), scale_by_learning_rate(learning_rate=0.1))
    """
    return sgd(learning_rate, decay, accumulator_dtype=accumulator_dtype)


def nesterov(
    learning_rate: ScalarOrSchedule, decay: ScalarOrSchedule = 0.9, accumulator_dtype: Any = None
) -> GradientTransformation:
    """`sgd` with Nesterov's accelerated gradient: momentum that looks one step ahead, see `trace`.

    >>> nesterov(0.1)
    chain(trace(decay=0.9, nesterov=True), scale_by_learning_rate(learning_rate=0.1))
    """
    return sgd(learning_rate, decay, nesterov=True, accumulator_dtype=accumulator_dtype)


def noisy_sgd(
    learning_rate: ScalarOrSchedule,
    eta: ScalarOrSchedule = 0.01,
    gamma: ScalarOrSchedule = 0.55,
    key: Any = 0,
) -> GradientTransformation:
    """`sgd` with gradients to which `add_noise` adds decaying noise.

    >>> noisy_sgd(0.1)
    chain(add_noise(eta=0.01, gamma=0.55), scale_by_learning_rate(learning_rate=0.1))
    """
    return chain(add_noise(eta, gamma, key), scale_by_learning_rate(learning_rate))

"""Stochastic gradient descent: plain, with momentum, with Nesterov's look-ahead, with noise."""

from typing import Any

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords, identity
from gradtx.rules import add_noise, scale_by_learning_rate, trace


@checks_keywords
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


@checks_keywords
def momentum(
    learning_rate: ScalarOrSchedule, decay: ScalarOrSchedule = 0.9, accumulator_dtype: Any = None
) -> GradientTransformation:
    """`sgd` with momentum: Polyak's heavy ball, see `trace`.

    >>> momentum(0.1)
    chain(trace(decay=0.9), scale_by_learning_rate(learning_rate=0.1))
    """
    return sgd(learning_rate, decay, accumulator_dtype=accumulator_dtype)


@checks_keywords
def nesterov(
    learning_rate: ScalarOrSchedule, decay: ScalarOrSchedule = 0.9, accumulator_dtype: Any = None
) -> GradientTransformation:
    """`sgd` with Nesterov's accelerated gradient: momentum that looks one step ahead, see `trace`.

    >>> nesterov(0.1)
    chain(trace(decay=0.9, nesterov=True), scale_by_learning_rate(learning_rate=0.1))
    """
    return sgd(learning_rate, decay, nesterov=True, accumulator_dtype=accumulator_dtype)


@checks_keywords
def noisy_sgd(
    learning_rate: ScalarOrSchedule,
    eta: ScalarOrSchedule = 0.01,
    gamma: ScalarOrSchedule = 0.55,
    key: Any = 0,
    *,
    axis_name: AxisName = None,
) -> GradientTransformation:
    """`sgd` with gradients to which `add_noise` adds decaying noise.

    >>> noisy_sgd(0.1)
    chain(add_noise(eta=0.01, gamma=0.55), scale_by_learning_rate(learning_rate=0.1))
    """
    return chain(add_noise(eta, gamma, key, axis_name=axis_name), scale_by_learning_rate(learning_rate))

"""Gradient descent with Polyak's step size."""

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_learning_rate, scale_by_polyak


@checks_keywords
def polyak_sgd(
    max_learning_rate: ScalarOrSchedule = 1.0,
    scaling: ScalarOrSchedule = 1.0,
    f_min: ScalarOrSchedule = 0.0,
    eps: ScalarOrSchedule = 0.0,
    variant: str = "sps",
    *,
    axis_name: AxisName = None,
) -> GradientTransformation:
    r"""Gradient descent with Polyak's step size: `scale_by_polyak`, then a factor and the sign of a descent.

    `update` needs the loss: `tx.update(gradients, state, params, value=loss)`.

    Args:
      scaling: the factor of the step size, a number or a schedule; the paper's $1 / c$ where the bound on the
        step size does not apply.

    **Reference**: Loizou et al. (2021), *Stochastic Polyak Step-size for SGD: An Adaptive Learning Rate for
    Fast Convergence*, arXiv:2002.10542. Optax measures the gradient after `scaling`, so that a step within
    its bound is divided by the factor.

    >>> polyak_sgd()
    chain(scale_by_polyak(f_min=0.0, max_learning_rate=1.0, eps=0.0),
          scale_by_learning_rate(learning_rate=1.0))
    """
    return chain(
        scale_by_polyak(f_min, max_learning_rate, eps, variant, axis_name=axis_name),
        scale_by_learning_rate(scaling),
    )

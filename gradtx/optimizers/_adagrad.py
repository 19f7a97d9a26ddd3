"""AdaGrad."""

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.rules import scale_by_learning_rate, scale_by_rss


@checks_keywords
def adagrad(
    learning_rate: ScalarOrSchedule, initial_accumulator_value: float = 0.1, eps: float = 1e-7
) -> GradientTransformation:
    """AdaGrad: `scale_by_rss`, then the learning rate.

    **Reference**: Duchi, Hazan and Singer (2011), *Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization*, JMLR 12. The defaults are those of Optax and Keras; PyTorch starts the sum
    at zero and has an epsilon of 1e-10 outside of the root.

    >>> adagrad(0.1)
    chain(scale_by_rss(initial_accumulator_value=0.1, eps=1e-07),
          scale_by_learning_rate(learning_rate=0.1))
    """
    return chain(
        scale_by_rss(initial_accumulator_value, eps),
        scale_by_learning_rate(learning_rate),
    )

"""Optimizers that scale each element by the size of its own gradients."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, identity
from gradtx.transforms import (
    add_decayed_weights,
    l2_regularization,
    scale_by_adam,
    scale_by_amsgrad,
    scale_by_learning_rate,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
    trace,
)
from gradtx.tree.masks import Mask

__all__ = ["adagrad", "adam", "adam_l2", "adamw", "amsgrad", "rmsprop"]


def adagrad(
    learning_rate: ScalarOrSchedule, initial_accumulator_value: float = 0.1, eps: float = 1e-7
) -> GradientTransformation:
    """AdaGrad: `scale_by_rss`, then the learning rate.

    **Reference**: Duchi, Hazan and Singer (2011), *Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization*, JMLR 12. The defaults are those of Optax and Keras; PyTorch starts the sum
    at zero and has an epsilon of 1e-10 outside of the root.

    >>> adagrad(0.1)  # doctest: +NORMALIZE_WHITESPACE
    chain(scale_by_rss(initial_accumulator_value=0.1, eps=1e-07),
          scale_by_learning_rate(learning_rate=0.1))
    """
    return chain(
        scale_by_rss(initial_accumulator_value, eps),
        scale_by_learning_rate(learning_rate),
    )


def rmsprop(
    learning_rate: ScalarOrSchedule,
    decay: ScalarOrSchedule = 0.9,
    eps: float = 1e-8,
    initial_scale: float = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: ScalarOrSchedule | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> GradientTransformation:
    """RMSprop: `scale_by_rms`, or `scale_by_stddev` when `centered`, then the learning rate.

    `momentum` puts a `trace` behind the learning rate, as TensorFlow's and Optax's RMSprop have it: the
    velocity holds steps, not directions.

    **Reference**: Tieleman and Hinton (2012), *Lecture 6.5: RMSprop*; Graves (2013), arXiv:1308.0850,
    for the centred form.

    >>> rmsprop(0.01)  # doctest: +NORMALIZE_WHITESPACE
    chain(scale_by_rms(decay=0.9, eps=1e-08, initial_scale=0.0),
          scale_by_learning_rate(learning_rate=0.01), identity())
    """
    scaling = scale_by_stddev if centered else scale_by_rms
    return chain(
        scaling(decay, eps, initial_scale, eps_in_sqrt, bias_correction),
        scale_by_learning_rate(learning_rate),
        identity() if momentum is None else trace(momentum, nesterov),
    )


def adam(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Adam: `scale_by_adam`, then the learning rate.

    **Reference**: Kingma and Ba (2015), *Adam: A Method for Stochastic Optimization*, arXiv:1412.6980,
    algorithm 1.

    >>> adam(1e-3)  # doctest: +NORMALIZE_WHITESPACE
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )


def adamw(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: Mask = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """AdamW: `adam` with decoupled weight decay between its direction and the learning rate.

    The decay is multiplied by the learning rate. `mask` says which leaves decay, as in
    `add_decayed_weights`.

    **Reference**: Loshchilov and Hutter (2019), *Decoupled Weight Decay Regularization*,
    arXiv:1711.05101, algorithm 2. The default decay is Optax's; PyTorch's is 1e-2.

    >>> adamw(1e-3)  # doctest: +NORMALIZE_WHITESPACE
    chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          add_decayed_weights(weight_decay=0.0001),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def adam_l2(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: Mask = None,
    *,
    nesterov: bool = False,
) -> GradientTransformation:
    """Adam with L2 regularization: `adam` with the decay coupled, as a part of the gradient.

    This is what frameworks called weight decay before AdamW; it regularizes parameters with large
    gradients less. It stands here to be compared with `adamw`.

    **Reference**: Loshchilov and Hutter (2019), arXiv:1711.05101, algorithm 2 (Adam with L2
    regularization).

    >>> adam_l2(1e-3)  # doctest: +NORMALIZE_WHITESPACE
    chain(add_decayed_weights(weight_decay=0.0001),
          scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        l2_regularization(weight_decay, mask),
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_learning_rate(learning_rate),
    )


def amsgrad(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> GradientTransformation:
    """AMSGrad: `scale_by_amsgrad`, Adam with a second moment that never falls, then the learning rate.

    **Reference**: Reddi, Kale and Kumar (2018), *On the Convergence of Adam and Beyond*,
    arXiv:1904.09237, algorithm 2.

    >>> amsgrad(1e-3)  # doctest: +NORMALIZE_WHITESPACE
    chain(scale_by_amsgrad(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0),
          scale_by_learning_rate(learning_rate=0.001))
    """
    return chain(
        scale_by_amsgrad(b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu),
        scale_by_learning_rate(learning_rate),
    )

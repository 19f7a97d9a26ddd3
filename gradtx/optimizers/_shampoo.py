"""Shampoo."""

from typing import Any, Literal

from gradtx.core import GradientTransformation, ScalarOrSchedule, checks_keywords, identity
from gradtx.optimizers._matrices_and_rest import matrices_and_rest
from gradtx.rules import add_decayed_weights, ema, scale_by_adam, scale_by_shampoo
from gradtx.selection import DimensionNumbers, Labels, Mask
from gradtx.wrappers import graft


@checks_keywords
def shampoo(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.9,
    b2: ScalarOrSchedule = 0.999,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: Mask = None,
    mu_dtype: Any = None,
    *,
    shampoo_beta: ScalarOrSchedule = 0.999,
    shampoo_eps: ScalarOrSchedule = 1e-6,
    exponent: ScalarOrSchedule = 0.5,
    update_interval: int = 10,
    max_size: int = 8192,
    grafting: Literal["adam", "gradient"] | None = "adam",
    weight_dimension_numbers: DimensionNumbers = None,
    rest: GradientTransformation | None = None,
    param_labels: Labels | None = None,
) -> GradientTransformation:
    r"""Shampoo with grafting: its direction at the length of Adam's, averaged; Adam for all other leaves.

    Args:
      b1: the decay of the average of the grafted directions.
      b2: the decay of the average square of the gradient, for the length of Adam's direction.
      eps: added to the root in Adam, for that length and for the other leaves.
      weight_decay: the strength $\lambda$ of the decoupled decay of the matrices.
      weight_decay_mask: the matrices that decay, in the form of the `mask` of `add_decayed_weights`.
      mu_dtype: the dtype in which the average directions and the momentum of Adam are stored.
      shampoo_beta: the decay of the statistics, the `b2` of `scale_by_shampoo`; 1 sums them.
      shampoo_eps: added to the statistics, relative to their greatest eigenvalue.
      grafting: the source of the length of the direction: `"adam"` without momentum, the `"gradient"`, or
        `None` for the direction itself.
      param_labels: the labels of the leaves, `"shampoo"` and `"adam"`, as in `muon`; `None` is by
        `hidden_matrices`.

    **State**: a pair of `PartitionState(inner_states)`, a dictionary by the labels `"shampoo"` and `"adam"`,
    and the state of the learning rate. With `rest`, the `PartitionState` alone.

    **Reference**: Gupta, Koren and Singer (2018), arXiv:1802.09568, for the direction; Anil et al. (2020),
    *Scalable Second Order Optimization for Deep Learning*, arXiv:2002.09018, for the momentum after it and
    for grafting; Shi et al. (2023), *A Distributed Data-Parallel PyTorch Implementation of the Distributed
    Shampoo Optimizer*, arXiv:2309.06497, section 2.4, for the length of Adam. Both cut large matrices into
    blocks; here a large side is not preconditioned.

    >>> print(shampoo(1e-3, weight_decay=0.1))
    chain(partition({'shampoo': chain(graft(magnitude=scale_by_adam(
                                                b1=0.0, b2=0.999, eps=1e-08, eps_root=0.0),
                                            direction=scale_by_shampoo(
                                                b2=0.999, eps=1e-06, exponent=0.5, update_interval=10)),
                                      ema(decay=0.9),
                                      add_decayed_weights(weight_decay=0.1)),
                     'adam': scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0)},
                    by_mask(hidden_matrices, 'shampoo', 'adam')),
          scale_by_learning_rate(learning_rate=0.001))
    """
    direction = scale_by_shampoo(
        shampoo_beta,
        shampoo_eps,
        exponent,
        update_interval,
        max_size=max_size,
        weight_dimension_numbers=weight_dimension_numbers,
    )
    if grafting is not None:
        direction = graft(_magnitude(grafting, b2, eps), direction)
    matrices = (
        direction,
        ema(b1, accumulator_dtype=mu_dtype),
        add_decayed_weights(weight_decay, weight_decay_mask),
    )
    adam = scale_by_adam(eps=eps, mu_dtype=mu_dtype)
    return matrices_and_rest("shampoo", matrices, adam, learning_rate, rest, param_labels)


def _magnitude(grafting: str, b2: ScalarOrSchedule, eps: ScalarOrSchedule) -> GradientTransformation:
    """The transformation at whose length the direction is applied."""
    if grafting == "adam":
        return scale_by_adam(0.0, b2, eps)
    if grafting == "gradient":
        return identity()
    raise ValueError(f"shampoo: grafting must be 'adam', 'gradient' or None, got {grafting!r}.")

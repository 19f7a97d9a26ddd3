"""MARS."""

from typing import Any

from gradtx.arithmetic import AxisName
from gradtx.core import GradientTransformation, ScalarOrSchedule, checks_keywords
from gradtx.optimizers._matrices_and_rest import matrices_and_rest
from gradtx.rules import add_decayed_weights, scale_by_adam, scale_by_mars
from gradtx.selection import Labels, Mask, at_least_two_axes, by_mask


@checks_keywords
def mars(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.95,
    b2: ScalarOrSchedule = 0.99,
    gamma: ScalarOrSchedule = 0.025,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    max_norm: ScalarOrSchedule = 1.0,
    mu_dtype: Any = None,
    weight_decay: ScalarOrSchedule = 0.0,
    mask: Mask = None,
    *,
    rest: GradientTransformation | None = None,
    param_labels: Labels | None = None,
    axis_name: AxisName = None,
) -> GradientTransformation:
    r"""MARS: `scale_by_mars` for leaves with two axes or more, Adam for all other leaves.

    The Adam of the other leaves has `b1=0.9` and `b2=0.95`.

    Args:
      eps: added to the root in MARS and in Adam.
      eps_root: added inside the root in MARS and in Adam.
      mu_dtype: the dtype in which the average gradient of MARS and that of Adam are stored.
      weight_decay: the strength $\lambda$ of the decoupled decay of the leaves of MARS.
      mask: the leaves of MARS that decay, in the form of the `mask` of `add_decayed_weights`.
      param_labels: the labels of the leaves: a tree of `"mars"` and `"adam"`, a prefix of one, or a function
        from parameters to it, as in `partition`. `None` is by `at_least_two_axes`; `"mars"` gives MARS all
        leaves.

    **State**: a pair of `PartitionState(inner_states)`, a dictionary by the labels `"mars"` and `"adam"`, and
    the state of the learning rate. With `rest`, the `PartitionState` alone.

    **Reference**: Yuan et al. (2024), *MARS: Unleashing the Power of Variance Reduction for Training Large
    Models*, arXiv:2411.10438, algorithm 2. The authors' code gives MARS only the leaves of two axes, so
    that convolution kernels belong to AdamW, and its AdamW has a decay of 0.1 by default.

    >>> print(mars(3e-3, weight_decay=0.1))
    chain(partition({'mars': chain(scale_by_mars(b1=0.95, b2=0.99, gamma=0.025, eps=1e-08, eps_root=0.0,
                                                 max_norm=1.0),
                                   add_decayed_weights(weight_decay=0.1)),
                     'adam': scale_by_adam(b1=0.9, b2=0.95, eps=1e-08, eps_root=0.0)},
                    by_mask(at_least_two_axes, 'mars', 'adam')),
          scale_by_learning_rate(learning_rate=0.003))
    """
    matrices = (
        scale_by_mars(b1, b2, gamma, eps, eps_root, max_norm, mu_dtype, axis_name=axis_name),
        add_decayed_weights(weight_decay, mask),
    )
    adam = scale_by_adam(0.9, 0.95, eps, eps_root, mu_dtype)
    labels = by_mask(at_least_two_axes, "mars", "adam") if param_labels is None else param_labels
    return matrices_and_rest("mars", matrices, adam, learning_rate, rest, labels)

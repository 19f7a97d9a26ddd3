"""Two groups of leaves: the matrices, with a direction of their own, and the rest."""

from collections.abc import Callable, Sequence
from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain
from gradtx.rules import scale_by_learning_rate
from gradtx.selection import Labels, by_mask, hidden_matrices
from gradtx.wrappers import partition


def matrices_and_rest(
    label: str,
    matrices: Sequence[GradientTransformation],
    adam: GradientTransformation,
    learning_rate: ScalarOrSchedule,
    rest: GradientTransformation | None,
    param_labels: Labels | None,
    mask: Callable[[Any], Any] = hidden_matrices,
) -> GradientTransformation:
    r"""A partition into the directions of two groups before one learning rate, or into two optimizers.

    Args:
      label: the label of the matrices; that of the other leaves is `"adam"`.
      matrices: the chain that makes their direction.
      adam: the direction of the other leaves, if `rest` is `None`.
      learning_rate: the length $\eta$ of the step of every leaf or, with `rest`, of the matrices alone.
      rest: the optimizer of the other leaves, with a learning rate of its own, such as
        `adamw(3e-4, b2=0.95)`; `None` is Adam without weight decay, at the common learning rate.
      param_labels: the labels of the leaves, as in `partition`; `None` is by `mask`.
      mask: the mask of the matrices without `param_labels`.
    """
    labels = by_mask(mask, label, "adam") if param_labels is None else param_labels
    step = scale_by_learning_rate(learning_rate)
    if rest is None:
        return chain(partition({label: chain(*matrices), "adam": adam}, labels), step)
    return partition({label: chain(*matrices, step), "adam": rest}, labels)

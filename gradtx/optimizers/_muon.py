"""Muon."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, chain, checks_keywords
from gradtx.optimizers._matrices_and_rest import matrices_and_rest
from gradtx.rules import (
    add_decayed_weights,
    scale_by_adam,
    scale_by_learning_rate,
    scale_by_matrix_shape,
    scale_by_muon,
)
from gradtx.selection import DimensionNumbers, Labels, Mask, hidden_matrices, hidden_two_axes


@checks_keywords
def muon(
    learning_rate: ScalarOrSchedule,
    ns_coeffs: Any = "quintic",
    ns_steps: int = 5,
    beta: ScalarOrSchedule = 0.95,
    eps: float = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: Mask = None,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    debias: bool = False,
    adam_b1: ScalarOrSchedule | None = None,
    adam_b2: ScalarOrSchedule | None = None,
    adam_eps_root: float | None = None,
    adam_weight_decay: ScalarOrSchedule | None = None,
    adam_learning_rate: ScalarOrSchedule | None = None,
    muon_weight_dimension_numbers: DimensionNumbers = None,
    consistent_rms: float | None = None,
    shape_scaling: str = "original",
    ns_dtype: Any = None,
    rest: GradientTransformation | None = None,
    param_labels: Labels | None = None,
) -> GradientTransformation:
    r"""Muon: `scale_by_muon` and `scale_by_matrix_shape` for hidden matrices, AdamW for other leaves.

    The weight decay of the matrices is decoupled, and multiplied by the learning rate alone, not by the
    factor of the shape. One learning rate serves all leaves, unless `adam_learning_rate` or `rest` is
    given.

    Args:
      learning_rate: the length $\eta$ of the step of every leaf, or of the matrices alone if the other leaves
        have a learning rate of their own.
      eps: added to the norm of each matrix before the orthogonalization, and to the root in Adam.
      weight_decay: the strength $\lambda$ of the decay of the matrices.
      weight_decay_mask: the matrices that decay, in the form of the `mask` of `add_decayed_weights`.
      mu_dtype: the dtype in which the momentum of the matrices and that of Adam are stored.
      nesterov: whether momentum looks one step ahead, in Adam too, as in Optax.
      adam_b1: the decay of the average gradient in Adam; `None` is 0.9.
      adam_b2: the decay of the average square in Adam; `None` is 0.999.
      adam_eps_root: added inside the root in Adam; `None` is 0.
      adam_weight_decay: the strength of the decoupled decay of the other leaves; `None` is 0.
      adam_learning_rate: a learning rate for the other leaves; `None` is the common one.
      muon_weight_dimension_numbers: the axes of a matrix that lead in and those that lead out, as in
        `orthogonalize`. With `None`, AdamW has all leaves that do not have two axes, as in Optax, unless
        `param_labels` gives them to Muon. `"in in in in... out | ... in out"` gives Muon stacks of layers,
        and convolution kernels, each as one matrix. Attention with an axis for heads needs its own names.
      consistent_rms: the size of the elements of a matrix's update, short for
        `shape_scaling="match_rms_adamw"` with this size; 0.2 suits learning rates of AdamW.
      shape_scaling: the `rule` of `scale_by_matrix_shape`.
      rest: the optimizer of the other leaves, with a learning rate of its own, such as
        `adamw(3e-4, b2=0.95)`, in place of the arguments that begin with `adam_`.
      param_labels: the labels of the leaves: a tree of `"muon"` and `"adam"`, a prefix of one, or a function
        from parameters to it, as `by_path({"embed|head|bias|norm": "adam", ".*": "muon"})`. `None` is by
        `hidden_two_axes` or, with dimension numbers, by `hidden_matrices`. `leaf_table(tx, params)` shows
        them.

    **State**: a pair of `PartitionState(inner_states)`, a dictionary by the labels `"muon"` and `"adam"`, and
    the state of the learning rate. With `rest` or `adam_learning_rate`, the `PartitionState` alone, as in
    Optax.

    **Raises** `ValueError` for both `rest` and an argument that begins with `adam_`.

    **Reference**: Jordan et al. (2024), *Muon: An optimizer for hidden layers in neural networks*,
    kellerjordan.github.io/posts/muon; Liu et al. (2025), *Muon is Scalable for LLM Training*,
    arXiv:2502.16982, equation 3, for the weight decay. Optax gives embeddings and heads to Muon too, and
    corrects the bias of the momentum. Jordan's code has Adam without Nesterov's momentum, which is
    `rest=adamw(...)`, and gives convolution kernels to Muon, each as one matrix but with the factor
    $\sqrt{\max(1, h/w)}$ of its window $h \times w$ for the factor of its shape.

    >>> print(muon(0.02, weight_decay=0.1))
    chain(partition({'muon': chain(scale_by_muon(beta=0.95, eps=1e-08),
                                   scale_by_matrix_shape(rms=0.2),
                                   add_decayed_weights(weight_decay=0.1)),
                     'adam': chain(scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0,
                                                 nesterov=True),
                                   add_decayed_weights(weight_decay=0.0))},
                    by_mask(hidden_two_axes, 'muon', 'adam')),
          scale_by_learning_rate(learning_rate=0.02))
    """
    numbers = muon_weight_dimension_numbers
    rule, rms = (shape_scaling, 0.2) if consistent_rms is None else ("match_rms_adamw", consistent_rms)
    matrices = (
        scale_by_muon(
            ns_coeffs,
            ns_steps,
            beta,
            eps,
            mu_dtype,
            nesterov=nesterov,
            debias=debias,
            weight_dimension_numbers=numbers,
            ns_dtype=ns_dtype,
        ),
        scale_by_matrix_shape(rule, weight_dimension_numbers=numbers, rms=rms),
        add_decayed_weights(weight_decay, weight_decay_mask),
    )
    adam_numbers = (adam_b1, adam_b2, adam_eps_root, adam_weight_decay, adam_learning_rate)
    adam, rest = _other_leaves(adam_numbers, eps, mu_dtype, nesterov, rest)
    mask = hidden_two_axes if numbers is None else hidden_matrices
    return matrices_and_rest("muon", matrices, adam, learning_rate, rest, param_labels, mask)


_ADAM = ("adam_b1", "adam_b2", "adam_eps_root", "adam_weight_decay", "adam_learning_rate")


def _other_leaves(
    numbers: tuple[Any, ...], eps: float, mu_dtype: Any, nesterov: bool, rest: GradientTransformation | None
) -> tuple[GradientTransformation, GradientTransformation | None]:
    """The direction of the other leaves, and their optimizer if they have a learning rate of their own."""
    given = {name: number for name, number in zip(_ADAM, numbers, strict=True) if number is not None}
    if rest is not None and given:
        raise ValueError(
            f"muon: `rest` is the whole optimizer of the other leaves, and takes the place of "
            f"{', '.join(given)}. Give one or the other."
        )
    b1, b2 = given.get("adam_b1", 0.9), given.get("adam_b2", 0.999)
    adam = (
        scale_by_adam(b1, b2, eps, given.get("adam_eps_root", 0.0), mu_dtype, nesterov=nesterov),
        add_decayed_weights(given.get("adam_weight_decay", 0.0)),
    )
    if "adam_learning_rate" in given:
        rest = chain(*adam, scale_by_learning_rate(given["adam_learning_rate"]))
    return chain(*adam), rest

"""NorMuon."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, checks_keywords
from gradtx.optimizers._matrices_and_rest import matrices_and_rest
from gradtx.rules import (
    add_decayed_weights,
    normalize_neurons,
    scale_by_adam,
    scale_by_matrix_shape,
    scale_by_muon,
)
from gradtx.selection import DimensionNumbers, Labels, Mask


@checks_keywords
def normuon(
    learning_rate: ScalarOrSchedule,
    ns_coeffs: Any = "quintic",
    ns_steps: int = 5,
    beta: ScalarOrSchedule = 0.95,
    b2: ScalarOrSchedule = 0.95,
    eps: float = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: Mask = None,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    weight_dimension_numbers: DimensionNumbers = None,
    consistent_rms: float = 0.2,
    shape_scaling: str = "match_rms_adamw",
    keep_norm: bool = False,
    ns_dtype: Any = None,
    rest: GradientTransformation | None = None,
    param_labels: Labels | None = None,
) -> GradientTransformation:
    r"""NorMuon: Muon with `normalize_neurons` after the orthogonalization, for hidden matrices.

    All other leaves have Adam, or the optimizer `rest`. The learning rates are those of AdamW: the elements
    of an update have the size `consistent_rms`.

    Args:
      eps: added to the norm of each matrix before the orthogonalization, to the root of the average square
        of each neuron, and to the root in Adam.
      weight_decay: the strength $\lambda$ of the decoupled decay of the matrices.
      weight_decay_mask: the matrices that decay, in the form of the `mask` of `add_decayed_weights`.
      mu_dtype: the dtype in which the momentum of the matrices and that of Adam are stored.
      nesterov: whether the momentum of the matrices looks one step ahead; that of Adam does not.
      weight_dimension_numbers: the axes of a matrix that lead in and those that lead out, which are the
        neurons, as in `orthogonalize`; by default the kernel of a convolution is one matrix, and leaves of
        three axes are stacks.
      consistent_rms: the size of the elements, for `shape_scaling="match_rms_adamw"`.
      shape_scaling: the `rule` of `scale_by_matrix_shape`.
      keep_norm: whether a matrix keeps the norm that the orthogonalization gives it, as in
        `normalize_neurons`; else it has that of an orthogonal matrix.
      param_labels: the labels of the leaves, `"normuon"` and `"adam"`, as in `muon`; `None` is by
        `hidden_matrices`.

    **State**: a pair of `PartitionState(inner_states)`, a dictionary by the labels `"normuon"` and `"adam"`,
    and the state of the learning rate. With `rest`, the `PartitionState` alone.

    **Reference**: Li et al. (2025), *NorMuon: Making Muon more efficient and scalable*, arXiv:2510.05491,
    algorithm 1, which has no Nesterov momentum. The authors' code has; it also has `keep_norm`, and the rule
    `"original"` of the shape. It orthogonalizes a convolution kernel as one matrix, but then normalizes each
    row of its window; here the neurons are the outputs.

    >>> print(normuon(1e-3, weight_decay=0.1))
    chain(partition({'normuon': chain(scale_by_muon(beta=0.95, eps=1e-08),
                                      normalize_neurons(b2=0.95, eps=1e-08, keep_norm=False),
                                      scale_by_matrix_shape(rule='match_rms_adamw', rms=0.2),
                                      add_decayed_weights(weight_decay=0.1)),
                     'adam': scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0)},
                    by_mask(hidden_matrices, 'normuon', 'adam')),
          scale_by_learning_rate(learning_rate=0.001))
    """
    numbers = weight_dimension_numbers
    matrices = (
        scale_by_muon(
            ns_coeffs,
            ns_steps,
            beta,
            eps,
            mu_dtype,
            nesterov=nesterov,
            weight_dimension_numbers=numbers,
            ns_dtype=ns_dtype,
        ),
        normalize_neurons(b2, eps, keep_norm=keep_norm, weight_dimension_numbers=numbers),
        scale_by_matrix_shape(shape_scaling, weight_dimension_numbers=numbers, rms=consistent_rms),
        add_decayed_weights(weight_decay, weight_decay_mask),
    )
    adam = scale_by_adam(eps=eps, mu_dtype=mu_dtype)
    return matrices_and_rest("normuon", matrices, adam, learning_rate, rest, param_labels)

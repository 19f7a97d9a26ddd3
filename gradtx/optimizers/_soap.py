"""SOAP."""

from typing import Any

from gradtx.core import GradientTransformation, ScalarOrSchedule, checks_keywords
from gradtx.optimizers._matrices_and_rest import matrices_and_rest
from gradtx.rules import add_decayed_weights, scale_by_adam, scale_by_soap
from gradtx.selection import DimensionNumbers, Labels, Mask


@checks_keywords
def soap(
    learning_rate: ScalarOrSchedule,
    b1: ScalarOrSchedule = 0.95,
    b2: ScalarOrSchedule = 0.95,
    eps: ScalarOrSchedule = 1e-8,
    weight_decay: ScalarOrSchedule = 0.0,
    weight_decay_mask: Mask = None,
    mu_dtype: Any = None,
    *,
    shampoo_beta: ScalarOrSchedule = 0.95,
    update_interval: int = 10,
    early_refreshes: bool = False,
    max_size: int = 10000,
    weight_dimension_numbers: DimensionNumbers = None,
    rest: GradientTransformation | None = None,
    param_labels: Labels | None = None,
) -> GradientTransformation:
    r"""SOAP: `scale_by_soap` for hidden matrices, Adam for all other leaves.

    The first update of the matrices is their weight decay alone.

    Args:
      eps: added to the root of the average square, in the eigenbases and in Adam.
      weight_decay: the strength $\lambda$ of the decoupled decay of the matrices.
      weight_decay_mask: the matrices that decay, in the form of the `mask` of `add_decayed_weights`.
      mu_dtype: the dtype in which the average gradient of the matrices and that of Adam are stored.
      param_labels: the labels of the leaves, `"soap"` and `"adam"`, as in `muon`; `None` is by
        `hidden_matrices`.

    **State**: a pair of `PartitionState(inner_states)`, a dictionary by the labels `"soap"` and `"adam"`, and
    the state of the learning rate. With `rest`, the `PartitionState` alone.

    **Reference**: Vyas et al. (2024), *SOAP: Improving and Stabilizing Shampoo using Adam*,
    arXiv:2409.11321. Their decay sees the parameters after the step, and also begins with the second update.
    The authors give all leaves to SOAP, with Adam for vectors and for sides above `max_size`; that is
    `param_labels=by_path({"kernel|embed": "soap", ".*": "adam"})` or the like.

    >>> print(soap(3e-3, weight_decay=0.01))
    chain(partition({'soap': chain(scale_by_soap(b1=0.95, b2=0.95, eps=1e-08, shampoo_beta=0.95),
                                   add_decayed_weights(weight_decay=0.01)),
                     'adam': scale_by_adam(b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0)},
                    by_mask(hidden_matrices, 'soap', 'adam')),
          scale_by_learning_rate(learning_rate=0.003))

    With an optimizer of their own for the other leaves there are two learning rates:

    >>> from gradtx import adamw
    >>> print(soap(3e-3, rest=adamw(3e-4, b2=0.95)))
    partition({'soap': chain(scale_by_soap(b1=0.95, b2=0.95, eps=1e-08, shampoo_beta=0.95),
                             add_decayed_weights(weight_decay=0.0),
                             scale_by_learning_rate(learning_rate=0.003)),
               'adam': chain(scale_by_adam(b1=0.9, b2=0.95, eps=1e-08, eps_root=0.0),
                             add_decayed_weights(weight_decay=0.0001),
                             scale_by_learning_rate(learning_rate=0.0003))},
              by_mask(hidden_matrices, 'soap', 'adam'))
    """
    matrices = (
        scale_by_soap(
            b1,
            b2,
            eps,
            shampoo_beta,
            update_interval,
            early_refreshes=early_refreshes,
            max_size=max_size,
            mu_dtype=mu_dtype,
            weight_dimension_numbers=weight_dimension_numbers,
        ),
        add_decayed_weights(weight_decay, weight_decay_mask),
    )
    adam = scale_by_adam(eps=eps, mu_dtype=mu_dtype)
    return matrices_and_rest("soap", matrices, adam, learning_rate, rest, param_labels)

"""Scaling orthogonalized matrices by their shape, so that one learning rate serves all of them."""

import math

from jax import Array

from gradtx.arithmetic import MATRICES, axes_of, fans
from gradtx.core import Number, Rule, hyperparameter, static
from gradtx.selection import AXES_FIELD, DimensionNumbers


class scale_by_matrix_shape(Rule, elementwise=False):
    r"""Multiplies each matrix by a factor of its number of inputs $m$ and its number of outputs $n$.

    An orthogonal matrix has a spectral norm of 1 and elements of size $1/\sqrt{\max(m, n)}$. The rules are

    | `rule` | factor | keeps |
    |---|---|---|
    | `"original"` | $\sqrt{\max(1, n/m)}$ | the first form of Muon |
    | `"match_rms_adamw"` | $\rho\,\sqrt{\max(m, n)}$ | elements of size $\rho$ (`rms`), as AdamW's are |
    | `"spectral"` | $\sqrt{n/m}$ | changes of the outputs of size 1, for inputs of size 1, at every width |
    | `"none"` | 1 | the spectral norm |

    **State**: none.

    **Raises** `ValueError` for a leaf that is not a matrix, naming it.

    **Reference**: Jordan et al. (2024), kellerjordan.github.io/posts/muon, for `"original"`, in the form of
    its code; Liu et al. (2025), *Muon is Scalable for LLM Training*, arXiv:2502.16982, equation 4, for
    `"match_rms_adamw"`; Ahn et al. (2025), *Dion: Distributed Orthonormalized Updates*, arXiv:2504.05295, for
    `"spectral"`. PyTorch takes $n$ and $m$ from the first two axes: its weights are (outputs, inputs).

    >>> import jax.numpy as jnp
    >>> tx = scale_by_matrix_shape("spectral")
    >>> tx.update(jnp.ones((1, 4)), tx.init(jnp.ones((1, 4))))[0]
    Array([[2., 2., 2., 2.]], dtype=float32)
    """

    rule: str = static(
        default="original",
        choices=("original", "match_rms_adamw", "spectral", "none"),
        doc="the rule of the factor, one of the table",
    )
    weight_dimension_numbers: DimensionNumbers = static(
        default=MATRICES,
        **AXES_FIELD,
        kw_only=True,
        doc=(
            "the input axes and the output axes, as in `orthogonalize`; $m$ and $n$ are the products of "
            "their sizes"
        ),
    )
    rms: Number = hyperparameter(
        default=0.2, low=0.0, kw_only=True, doc='the size of elements for `"match_rms_adamw"`'
    )

    def leaf(self, g: Array) -> Array:
        if self.rule == "none" or g.size == 0:
            return g
        inputs, outputs = fans(g.shape, axes_of(self.weight_dimension_numbers, g.ndim))
        if self.rule == "match_rms_adamw":
            return g * (self.rms * math.sqrt(max(inputs, outputs)))
        return g * math.sqrt(outputs / inputs if self.rule == "spectral" else max(1.0, outputs / inputs))

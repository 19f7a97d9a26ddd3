"""Orthogonalization: each matrix replaced by the nearest matrix whose singular values are all 1."""

from functools import partial
from typing import Any

from jax import Array

from gradtx.arithmetic import MATRICES, as_polynomials, in_order, newton_schulz, on_matrices
from gradtx.core import Number, Rule, hyperparameter, static
from gradtx.selection import AXES_FIELD, DimensionNumbers
from gradtx.tree import as_storage_dtype


class NewtonSchulz(Rule, role="normalizes", elementwise=False, abstract=True):
    """A rule that replaces matrices by their polar factors."""

    ns_coeffs: Any = static(
        default="quintic",
        convert=as_polynomials,
        doc=(
            "the polynomials, in order: triples $(a, b, c)$ of $a x + b x^3 + c x^5$, or the name of a table"
        ),
    )
    ns_steps: int = static(
        default=5,
        low=1,
        doc=(
            "the number of polynomials. Past the end of a table its last polynomial repeats; fewer are its "
            "first ones"
        ),
    )
    weight_dimension_numbers: DimensionNumbers = static(
        default=MATRICES,
        **AXES_FIELD,
        kw_only=True,
        doc=(
            "the input axes and the output axes of a leaf, by name. Axes of one name are joined, and an axis "
            'of another name is a batch axis: `"in heads out"` has a matrix for each head, `"in out out"` '
            'one for all. `...` stands for any number of batch axes: `"... in out"` has a matrix for each '
            "layer of a stack, or for each place in the window of a convolution. `in...` stands for any "
            'number of input axes: `"in... out"` flattens a leaf to one matrix. Of several forms, separated '
            "by `|`, the first that has the axes of the leaf counts. By default a leaf of four or more axes, "
            "the kernel of a convolution, is one matrix, and a leaf of three axes is a stack of matrices; "
            "kernels of one-dimensional convolutions, and stacks with more axes, need names. Different "
            'leaves get theirs by path, as with `by_path({"query|key|value": "in heads out", "conv": "in... '
            'out", ".*": "... in out"})`'
        ),
    )
    ns_dtype: Any = static(
        default=None,
        convert=as_storage_dtype,
        kw_only=True,
        doc=(
            'a narrower dtype (`"bfloat16"`) for the factors of the matrix products; their sums stay in '
            "float32. `None` multiplies in the arithmetic dtype, at its full precision on every device"
        ),
    )

    def polar_factor(self, x: Array, eps: Any) -> Array:
        """The polar factor of each matrix of a leaf; `eps` is added to the norm by which it is divided."""
        polynomials = in_order(self.ns_coeffs, self.ns_steps)
        of_matrix = partial(newton_schulz, polynomials=polynomials, eps=eps, dtype=self.ns_dtype)
        return on_matrices(of_matrix, x, self.weight_dimension_numbers)


class orthogonalize(NewtonSchulz):
    r"""Replaces each matrix by its orthogonal polar factor, to the accuracy of a few Newton-Schulz steps.

    $$u = U V^\top, \qquad g = U \Sigma V^\top$$

    Of all updates of a given spectral norm this one has the greatest inner product with $g$. The iteration
    computes $U\,p(\Sigma/\|g\|_F)\,V^\top$ with a polynomial $p$ that is near 1 from a small value on. Five
    steps of the tables that have names bring singular values $\sigma$ to

    | name | $\sigma / \lVert g \rVert_F$ from | to | published by |
    |---|---|---|---|
    | `"quintic"` | 0.002 | 0.68 to 1.21 | Jordan et al. (2024) |
    | `"you"` | 0.002 | 0.85 to 1.15 | Cesista, You and Jordan (2025) |
    | `"cans"` | 0.001 | 0.88 to 1.12 | Grishina, Smirnov and Rakhuba (2025) |
    | `"polar_express"` | 0.002 | 0.87 to 1.13 | Amsel et al. (2025) |

    Only the last converges to 1 with more steps.

    Each leaf has its own products, so that sharded leaves stay on their devices. Inside `jax.shard_map` a
    leaf that is split is refused.

    **State**: none.

    **Raises** `ValueError` for a leaf that is not a matrix, such as a bias, naming it.

    **Reference**: Jordan et al. (2024), *Muon: An optimizer for hidden layers in neural networks*,
    kellerjordan.github.io/posts/muon; Bernstein and Newhouse (2024), *Old Optimizer, New Norm*,
    arXiv:2409.20325; Cesista, You and Jordan (2025), *Squeezing 1-2% Efficiency Gains Out of Muon by
    Optimizing the Newton-Schulz Coefficients*, leloykun.github.io/ponder/muon-opt-coeffs; Amsel et al.
    (2025), *The Polar Express*, arXiv:2505.16932, algorithm 1 with its margin of 1.01; Grishina et al.
    (2025), *Accelerating Newton-Schulz Iteration for Orthogonalization via Chebyshev-type Polynomials*,
    arXiv:2506.10935. The default of `eps` is Optax's. Jordan's code has $10^{-7}$; that of Amsel et al. adds
    $10^{-7}$ to 1.01 times the norm: `orthogonalize("polar_express", eps=1e-7 / 1.01)`. Both multiply in
    bfloat16.

    >>> import jax.numpy as jnp
    >>> tx = orthogonalize("polar_express", ns_steps=9)
    >>> g = jnp.array([[0.0, 0.5], [-3.0, 0.0]])  # a stretched quarter turn
    >>> print(tx.update(g, tx.init(g))[0].round(3))
    [[ 0.  1.]
     [-1.  0.]]
    """

    eps: Number = hyperparameter(
        default=1e-8, low=0.0, doc="added to the Frobenius norm by which a matrix is divided first"
    )

    def leaf(self, g: Array) -> Array:
        return self.polar_factor(g, self.eps)

"""GaLore: an optimizer of gradients that are projected onto a subspace of low rank."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    LAST_TWO,
    LEFT,
    RIGHT,
    MuonDimensionNumbers,
    along_side,
    axes_of,
    fans,
)
from gradtx.core import (
    GradientTransformation,
    Number,
    OptState,
    Params,
    Updates,
    Wrapper,
    as_transformation,
    hyperparameter,
    nested,
    safe_increment,
    static,
    zero_count,
)
from gradtx.rules import scale_by_adam
from gradtx.selection import DimensionNumbers, as_dimension_numbers, dimension_numbers
from gradtx.tree import (
    Frozen,
    MaskedNode,
    abstract,
    is_function,
    is_inexact,
    is_placeholder,
    leaf_options,
    map_leaves,
    state_like,
)
from gradtx.wrappers._low_rank import project, project_back, projected_side

GaLoreDimensionNumbers = MuonDimensionNumbers


class GaLoreState(NamedTuple):
    """The state of `scale_by_galore`: the count, the base optimizer's, and the basis of each subspace."""

    count: Any
    base_optimizer_state: OptState
    projector: Any


def _or_adam(tx: Any) -> GradientTransformation:
    return scale_by_adam() if tx is None else as_transformation(tx)


def _as_numbers(spec: DimensionNumbers) -> Any:
    if spec is None or isinstance(spec, str | MuonDimensionNumbers | Frozen) or is_function(spec):
        return spec and as_dimension_numbers(spec)
    return Frozen(_without_none(spec))


def _without_none(specs: Any) -> Any:
    """`False` in the place of `None`, for a leaf that is not projected."""
    return jax.tree.map(lambda spec: spec is not None and spec, specs, is_leaf=lambda spec: spec is None)


class scale_by_galore(Wrapper, state=GaLoreState, counts=("count",), elementwise=False):
    r"""GaLore: the update of a base optimizer for gradients of low rank.

    $$R_t = P^* G_t, \qquad u_t = \alpha\,P\,T(R_t)$$

    for a matrix $G$ with no more rows than columns, where the columns of $P$ are the first $r$ left singular
    vectors of the gradient of every `update_proj_gap`-th update, beginning with the first. With more rows
    than columns, $R_t = G_t P$ and $u_t = \alpha\,T(R_t)\,P^*$ with right singular vectors. The state of $T$
    is that of a matrix of $r$ rows: the basis and the moments of Adam together take $r (m + 2n)$ numbers in
    the place of $2mn$. When the subspace changes, the state of $T$ stays. A singular vector is open up to its
    sign: here it is the one nearer to the vector before it, to which this state belongs.

    The base optimizer sees other leaves unchanged, without $\alpha$, and no parameters: weight decay comes
    after it, as in `galore`.

    The singular vectors are the eigenvectors of $G G^*$, in float32 with an error where a singular value is
    below 1e-4 of the largest.

    **State**: `GaLoreState(count, base_optimizer_state, projector)`: an int32 scalar; the state of $T$ for
    matrices of the shape (..., r, n) or (..., m, r); and a basis of the shape (..., m, r) or (..., n, r) for
    each matrix, in float32 or wider, with a `MaskedNode` in the place of each other leaf.

    **Raises** `ValueError` at construction for a base optimizer that needs the parameters, and for a leaf
    that is no matrix by its dimension numbers.

    **Reference**: Zhao et al. (2024), *GaLore: Memory-Efficient LLM Training by Gradient Low-Rank
    Projection*, arXiv:2403.03507, algorithm 2, where $\alpha$ is 0.25. Optax projects the longer side.

    >>> import jax.numpy as jnp
    >>> from gradtx import identity
    >>> tx = scale_by_galore(rank=1, base_optimizer=identity())
    >>> g = jnp.diag(jnp.array([3.0, 1.0]))  # its best approximation of rank 1
    >>> print(tx.update(g, tx.init(g))[0])
    [[3. 0.]
     [0. 0.]]
    """

    rank: int = static(default=128, low=1, doc="$r$; a shorter side has all of its vectors")
    update_proj_gap: int = static(default=200, low=1, doc="the number of updates that a basis serves")
    scale: Number = hyperparameter(default=1.0, doc=r"$\alpha$, the factor of the updates of matrices")
    base_optimizer: GradientTransformation = nested(
        _or_adam,
        default=scale_by_adam(),
        state="base_optimizer_state",
        doc="$T$; `None` is `scale_by_adam()`",
    )
    weight_dimension_numbers: DimensionNumbers = static(
        default=None,
        convert=_as_numbers,
        doc=(
            "the input axes (rows) and the output axes (columns) of a leaf, as in `orthogonalize`, or "
            "`GaLoreDimensionNumbers`. One value holds for all leaves of two or more axes; in a tree, `None` "
            "stands for a leaf that is not projected. `None` projects the leaves of two axes"
        ),
    )
    longer_side: bool = static(
        default=False, kw_only=True, doc="whether the longer side is projected, as in Optax"
    )

    def validate(self) -> None:
        if "params" in self.base_optimizer.needs:
            raise ValueError(
                "scale_by_galore: base_optimizer needs the parameters, which have other shapes than the "
                "projected gradients. Put weight decay and trust ratios after it, as galore does."
            )

    def init(self, params: Params) -> GaLoreState:
        bases = jax.tree.map(self._basis_like, self._specs(params), params)
        return GaLoreState(
            zero_count(), self.base_optimizer.init(self._projected_like(params)), state_like(bases)
        )

    def apply(
        self, updates: Updates, state: GaLoreState, params: Params = None, **extra: Any
    ) -> tuple[Updates, GaLoreState]:
        due = state.count % self.update_proj_gap == 0
        specs = leaf_options(updates, self._specs(updates))
        low, projector = map_leaves(
            self._of_matrices(project),
            updates,
            state=(state.projector,),
            numbers=(due,),
            options=specs,
            same_shape=False,
        )
        low, base = self.base_optimizer.wide_update(low, state.base_optimizer_state, None, **extra)
        updates = map_leaves(
            self._of_matrices(project_back),
            low,
            projector=projector,
            like=updates,
            numbers=(self.scale,),
            options=specs,
            same_shape=False,
        )
        return updates, GaLoreState(safe_increment(state.count), base, projector)

    def parts_with(self, params: Params) -> Sequence[tuple[str, GradientTransformation, Params]]:
        shapes = None if params is None else jax.eval_shape(self._projected_like, abstract(params))
        return [("", self.base_optimizer, shapes)]

    def _specs(self, tree: Any) -> Any:
        """The dimension numbers of each matrix, and `False` in the place of any other leaf."""
        spec = self.weight_dimension_numbers
        if not (spec is None or isinstance(spec, str | MuonDimensionNumbers)):
            chosen = (lambda tree: _without_none(spec(tree))) if is_function(spec) else spec
            return dimension_numbers(chosen, tree)

        def own(leaf: Any) -> Any:
            if not is_inexact(leaf) or jnp.ndim(leaf) < 2 or jnp.size(leaf) == 0:
                return False
            return spec or (jnp.ndim(leaf) == 2 and LAST_TWO)

        return jax.tree.map(own, tree, is_leaf=is_placeholder)

    def _of_matrices(self, function: Any) -> Any:
        """From the option of a leaf to its function, and `None` for a leaf that is no matrix."""

        def of_leaf(option: tuple[Any, ...]) -> Any:
            if not option or option[0] is False:
                return None
            return partial(function, spec=option[0], longer=self.longer_side)

        return of_leaf

    def _basis_like(self, spec: Any, leaf: Any) -> Any:
        """An array in the shape of the basis of a matrix, split as the rows or columns that it spans."""
        if spec is False:
            return MaskedNode()
        side, rank = self._side_and_rank(spec, leaf)
        return _repeated(along_side(leaf, spec, side), -1, rank)

    def _projected_like(self, params: Params) -> Any:
        """The parameters, with zeros in the shape of the projected gradient in the place of each matrix."""

        def own(spec: Any, leaf: Any) -> Any:
            if spec is False:
                return leaf
            side, rank = self._side_and_rank(spec, leaf)
            return state_like(_repeated(along_side(leaf, spec, LEFT + RIGHT - side), side, rank))

        return jax.tree.map(own, self._specs(params), params)

    def _side_and_rank(self, spec: Any, leaf: Any) -> tuple[int, int]:
        shape = fans(jnp.shape(leaf), axes_of(spec, jnp.ndim(leaf)))
        return projected_side(shape, self.longer_side), min(self.rank, *shape)


def _repeated(x: Array, axis: int, count: int) -> Array:
    """`x` with a new axis of this length."""
    x = jnp.expand_dims(x, axis)
    return jnp.broadcast_to(
        x, tuple(count if place == axis % x.ndim else n for place, n in enumerate(x.shape))
    )

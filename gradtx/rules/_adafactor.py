"""Adafactor's direction: the second moment of a matrix as one number a row and one a column."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    LONG,
    Axes,
    Weight,
    abs_squared,
    as_axes,
    bounded,
    clipped_direction,
    complement,
    factored_averages,
    factored_axes,
    interpolate,
    inverse_root_factors,
    least_average,
    over_root,
    times_factors,
)
from gradtx.core import Number, Params, Rule, hyperparameter, static, zero_count
from gradtx.tree import MaskedNode, TreeMismatchError, is_inexact, state_like


class FactoredState(NamedTuple):
    """How many updates there were, and the average squares: by row and by column, or whole."""

    count: Any
    v_row: Any
    v_col: Any
    v: Any


Average = Array | None
"""An average of the state, which a leaf may lack."""


def _as_decay_rate_fn(function: Any) -> Any:
    if function is None or callable(function):
        return function
    raise TypeError(f"decay_rate_fn is a function of a count and of decay_rate, got {function!r}.")


class _Factored(
    Rule,
    state=FactoredState,
    same_shape=False,
    optional=("v_row", "v_col", "v"),
    role="normalizes",
    elementwise=False,
    abstract=True,
):
    """A rule whose direction comes from average squares, by row and by column where a leaf is factored."""

    factored: bool = static(default=True, doc="whether to factor at all")
    decay_rate: Number = hyperparameter(
        default=0.8, low=0.0, doc="$p$: the larger, the faster the decay approaches 1"
    )
    step_offset: Number = hyperparameter(
        default=0.0,
        low=0.0,
        doc=(
            "the number of counted updates that the decay leaves out: fine-tuning from a state with this "
            "count, the decay starts from 0 again"
        ),
    )
    min_dim_size_to_factor: int = static(
        default=128, low=0, doc="the least length of both axes of a leaf that is factored"
    )
    epsilon: Number = hyperparameter(default=1e-30, low=0.0, doc=r"$\epsilon$, added to the squares")
    decay_rate_fn: Callable[[Any, Any], Any] | None = static(
        default=None,
        convert=_as_decay_rate_fn,
        doc="another decay: a function of the number of updates before this one and of `decay_rate`",
    )
    axes: Axes = static(
        default="largest",
        convert=as_axes,
        kw_only=True,
        doc=(
            'the two factored axes, as (rows, columns): `"largest"`, the two longest, with the longer one as '
            "columns, and of equals the last; a pair such as `(-2, -1)`; or a function from a leaf's shape "
            "to such a pair, or to `None` for a leaf that is not factored"
        ),
    )

    def direction(self, quotient: Callable[..., Array], *arrays: Array, unit: float = 1.0) -> Array:
        """The direction from a gradient over its averages, `quotient(*arrays)`."""
        raise NotImplementedError

    def init(self, params: Params) -> FactoredState:
        # The sums have the shapes, and the sharding over devices, that the averages get.
        def without(place: int, leaf: Any) -> Any:
            axes = self._axes_of(leaf)
            return MaskedNode() if axes is None else jnp.sum(leaf, axes[place])

        def unfactored(leaf: Any) -> Any:
            return leaf if self._axes_of(leaf) is None else MaskedNode()

        parts = partial(without, 1), partial(without, 0), unfactored
        mirrored = (jax.tree.map(part, params) for part in parts)
        return FactoredState(zero_count(), *(state_like(tree, real=True) for tree in mirrored))

    def once(self, count: Array) -> Weight:
        # 1 - (1 - c) would lose digits of c, since the decay tends to 1.
        before = jnp.maximum(count.astype(float) - 1.0 - self.step_offset, 0.0)
        if self.decay_rate_fn is not None:
            return Weight(complement(self.decay_rate_fn(before, self.decay_rate)))
        return Weight((before + 1.0) ** -self.decay_rate)

    def leaf(
        self, once: Weight, g: Array, v_row: Average, v_col: Average, v: Average
    ) -> tuple[Array, Average, Average, Average]:
        if (axes := self._axes_of(g)) is None:
            v = interpolate(_fitting(v, g, g.shape), abs_squared(bounded(g)) + self.epsilon, once.c)
            return self.direction(over_root, g, v, least_average(v)), v_row, v_col, v
        row, column = axes
        v_row = _fitting(v_row, g, g.shape[:column] + g.shape[column + 1 :])
        v_col = _fitting(v_col, g, g.shape[:row] + g.shape[row + 1 :])
        v_row, v_col = factored_averages(g, v_row, v_col, once.c, self.epsilon, axes)
        factors = inverse_root_factors(v_row, v_col, axes)
        return self.direction(times_factors, g, *factors, unit=LONG), v_row, v_col, v

    def _axes_of(self, leaf: Any) -> tuple[int, int] | None:
        """The axes along which `leaf` is factored; `None` if it is not."""
        if not self.factored or getattr(leaf, "ndim", 0) < 2 or not is_inexact(leaf):
            return None
        axes = factored_axes(self.axes, leaf.shape)
        long = axes and min(leaf.shape[axis] for axis in axes) >= max(self.min_dim_size_to_factor, 1)
        return axes if long else None


class scale_by_factored_rms(_Factored):
    r"""Divides the gradient by the root of its average square, stored as one number a row and one a column.

    $$R_t = (1 - c_t) R_{t-1} + c_t\,\mathrm{mean}_\text{columns}(|g_t|^2 + \epsilon), \qquad
      C_t = (1 - c_t) C_{t-1} + c_t\,\mathrm{mean}_\text{rows}(|g_t|^2 + \epsilon)$$
    $$u_t = \frac{g_t}{\sqrt{V_t}}, \qquad V_t = \frac{R_t C_t}{\mathrm{mean}(R_t)}, \qquad c_t = t^{-p}$$

    where $p$ is `decay_rate`, $\epsilon$ is `epsilon` and $t$ counts from 1. The decay $1 - c_t$ rises from
    0, so that no bias needs correction. Two axes are factored; every index of the other axes has rows and
    columns of its own. A leaf that is not factored has
    $V_t = (1 - c_t) V_{t-1} + c_t (|g_t|^2 + \epsilon)$.

    **State**: `FactoredState(count, v_row, v_col, v)`: an int32 scalar and three trees, in float32 or wider
    and real. `v_row` has a factored leaf's shape without its columns, `v_col` without its rows, and `v` the
    shape of a leaf that is not factored. A `MaskedNode` stands for an array that a leaf does not have.

    **Raises**: `ValueError` at `init` if `axes` are not two axes of a leaf.

    **Reference**: Shazeer and Stern (2018), *Adafactor: Adaptive Learning Rates with Sublinear Memory
    Cost*, arXiv:1804.04235, algorithms 4 and 5 without their clipping and step size. The paper leaves open
    the two axes of a leaf with more than two, and the least length of a factored axis: the defaults are
    Optax's. PyTorch and Keras factor the last two axes at any length.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_factored_rms(min_dim_size_to_factor=2)
    >>> gradient = jnp.array([[1.0, -2.0, 3.0], [2.0, 4.0, -6.0]])  # its square has rank 1
    >>> tx.update(gradient, tx.init(gradient))[0].round(5)
    Array([[ 1., -1.,  1.],
           [ 1.,  1., -1.]], dtype=float32)
    """

    def direction(self, quotient: Callable[..., Array], *arrays: Array, unit: float = 1.0) -> Array:
        return quotient(*arrays)


class scale_by_adafactor(_Factored):
    r"""Adafactor's direction: `scale_by_factored_rms`, with its root mean square bounded leaf by leaf.

    $$\hat u_t = \frac{u_t}{\max(1, \mathrm{RMS}(u_t) / d)}$$

    where $d$ is `clipping_threshold` and $u_t$ is the direction of `scale_by_factored_rms`. It is
    `chain(scale_by_factored_rms(...), clip_by_block_rms(...))` in one rule, for speed: $u_t$ is computed
    twice and never stored.

    **State**: `FactoredState(count, v_row, v_col, v)`, as in `scale_by_factored_rms`.

    **Raises**: `ValueError` at `init` if `axes` are not two axes of a leaf.

    **Reference**: Shazeer and Stern (2018), arXiv:1804.04235, algorithms 4 and 5 without their step size;
    section 6 for the clipping.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_adafactor(clipping_threshold=0.5)
    >>> tx.update(jnp.array([3.0, -7.0]), tx.init(jnp.zeros(2)))[0].round(5)
    Array([ 0.5, -0.5], dtype=float32)
    """

    clipping_threshold: Number = hyperparameter(
        default=1.0, above=0.0, doc="$d$, the greatest root mean square of a leaf"
    )

    def direction(self, quotient: Callable[..., Array], *arrays: Array, unit: float = 1.0) -> Array:
        return clipped_direction(quotient, self.clipping_threshold, *arrays, unit=unit)


def _fitting(average: Average, g: Array, shape: tuple[int, ...]) -> Array:
    """`average`, which must have this shape: broadcasting would hide another one."""
    if average is None:
        raise TreeMismatchError(f"got shape {g.shape}, expected nothing")
    if average.shape != shape:
        raise TreeMismatchError(
            f"got shape {g.shape}, whose averages have the shape {shape}; the state has {average.shape}"
        )
    return average

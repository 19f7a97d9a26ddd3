"""Adafactor's direction: the second moment of a matrix as one number a row and one a column."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    LONG,
    Axes,
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


class Weight(NamedTuple):
    """The weight of the new square in the averages."""

    c: Any


Average = Array | None
"""An average of the state, which a leaf may lack."""


def _as_decay_rate_fn(function: Any) -> Any:
    if function is None or callable(function):
        return function
    raise TypeError(f"decay_rate_fn is a function of a count and of decay_rate, got {function!r}.")


class scale_by_factored_rms(
    Rule,
    state=FactoredState,
    same_shape=False,
    optional=("v_row", "v_col", "v"),
    role="normalizes",
    elementwise=False,
):
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

    def init(self, params: Params) -> FactoredState:
        return _zero_state(self, params)

    def once(self, count: Array) -> Weight:
        return Weight(_weight(self, count))

    def leaf(
        self, once: Weight, g: Array, v_row: Average, v_col: Average, v: Average
    ) -> tuple[Array, Average, Average, Average]:
        if (axes := _axes_of(self, g)) is None:
            v = _whole_average(self, once, g, v)
            return over_root(g, v, least_average(v)), v_row, v_col, v
        v_row, v_col = _factored_averages(self, once, g, v_row, v_col, axes)
        return times_factors(g, *inverse_root_factors(v_row, v_col, axes)), v_row, v_col, v


class scale_by_adafactor(
    Rule,
    state=FactoredState,
    same_shape=False,
    optional=("v_row", "v_col", "v"),
    role="normalizes",
    elementwise=False,
):
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

    factored: bool = static(default=True, doc="whether to factor at all")
    decay_rate: Number = hyperparameter(
        default=0.8, low=0.0, doc="$p$: the larger, the faster the decay approaches 1"
    )
    step_offset: Number = hyperparameter(
        default=0.0,
        low=0.0,
        doc="the number of counted updates that the decay leaves out, as in `scale_by_factored_rms`",
    )
    min_dim_size_to_factor: int = static(
        default=128, low=0, doc="the least length of both axes of a leaf that is factored"
    )
    epsilon: Number = hyperparameter(default=1e-30, low=0.0, doc=r"$\epsilon$, added to the squares")
    decay_rate_fn: Callable[[Any, Any], Any] | None = static(
        default=None, convert=_as_decay_rate_fn, doc="another decay, as in `scale_by_factored_rms`"
    )
    clipping_threshold: Number = hyperparameter(
        default=1.0, above=0.0, doc="$d$, the greatest root mean square of a leaf"
    )
    axes: Axes = static(
        default="largest",
        convert=as_axes,
        kw_only=True,
        doc="the two factored axes, as in `scale_by_factored_rms`",
    )

    def init(self, params: Params) -> FactoredState:
        return _zero_state(self, params)

    def once(self, count: Array) -> Weight:
        return Weight(_weight(self, count))

    def leaf(
        self, once: Weight, g: Array, v_row: Average, v_col: Average, v: Average
    ) -> tuple[Array, Average, Average, Average]:
        d = self.clipping_threshold
        if (axes := _axes_of(self, g)) is None:
            v = _whole_average(self, once, g, v)
            return clipped_direction(over_root, d, g, v, least_average(v)), v_row, v_col, v
        v_row, v_col = _factored_averages(self, once, g, v_row, v_col, axes)
        factors = inverse_root_factors(v_row, v_col, axes)
        return clipped_direction(times_factors, d, g, *factors, unit=LONG), v_row, v_col, v


_Factored = scale_by_factored_rms | scale_by_adafactor


def _axes_of(tx: _Factored, leaf: Any) -> tuple[int, int] | None:
    """The axes along which `tx` factors `leaf`; `None` if it does not."""
    if not tx.factored or getattr(leaf, "ndim", 0) < 2 or not is_inexact(leaf):
        return None
    axes = factored_axes(tx.axes, leaf.shape)
    long = axes and min(leaf.shape[axis] for axis in axes) >= max(tx.min_dim_size_to_factor, 1)
    return axes if long else None


def _zero_state(tx: _Factored, params: Params) -> FactoredState:
    def without_columns(leaf: Any) -> Any:
        axes = _axes_of(tx, leaf)
        return MaskedNode() if axes is None else jnp.sum(leaf, axes[1])

    def without_rows(leaf: Any) -> Any:
        axes = _axes_of(tx, leaf)
        return MaskedNode() if axes is None else jnp.sum(leaf, axes[0])

    def unfactored(leaf: Any) -> Any:
        return leaf if _axes_of(tx, leaf) is None else MaskedNode()

    # The sums have the shapes, and the sharding over devices, that the averages get.
    mirrored = (jax.tree.map(part, params) for part in (without_columns, without_rows, unfactored))
    return FactoredState(zero_count(), *(state_like(tree, real=True) for tree in mirrored))


def _weight(tx: _Factored, count: Array) -> Array:
    """c, the weight of the new square: 1 - (1 - c) would lose digits, since the decay tends to 1."""
    before = jnp.maximum(count.astype(float) - 1.0 - tx.step_offset, 0.0)
    if tx.decay_rate_fn is not None:
        return complement(tx.decay_rate_fn(before, tx.decay_rate))
    return (before + 1.0) ** -tx.decay_rate


def _whole_average(tx: _Factored, once: Weight, g: Array, v: Average) -> Array:
    return interpolate(_fitting(v, g, g.shape), abs_squared(bounded(g)) + tx.epsilon, once.c)


def _factored_averages(
    tx: _Factored, once: Weight, g: Array, v_row: Average, v_col: Average, axes: tuple[int, int]
) -> tuple[Array, Array]:
    row, column = axes
    v_row = _fitting(v_row, g, g.shape[:column] + g.shape[column + 1 :])
    v_col = _fitting(v_col, g, g.shape[:row] + g.shape[row + 1 :])
    return factored_averages(g, v_row, v_col, once.c, tx.epsilon, axes)


def _fitting(average: Average, g: Array, shape: tuple[int, ...]) -> Array:
    """`average`, which must have this shape: broadcasting would hide another one."""
    if average is None:
        raise TreeMismatchError(f"got shape {g.shape}, expected nothing")
    if average.shape != shape:
        raise TreeMismatchError(
            f"got shape {g.shape}, whose averages have the shape {shape}; the state has {average.shape}"
        )
    return average

"""Ball, sphere and simplex: updates after which every vector lies in a set, at its nearest point."""

import operator
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.tree_util import keystr, tree_map_with_path

from gradtx.arithmetic import norm, onto_simplex, quotient, shortening, split_as
from gradtx.core import Number, OptState, Params, Rule, Updates, hyperparameter, static
from gradtx.tree import is_inexact

Axis = int | tuple[int, ...] | None
"""The axes of a leaf along which it is a vector; `None` for the whole leaf."""


def _as_one_axis(axis: Any) -> int:
    try:
        return operator.index(axis)
    except TypeError:
        raise TypeError(f"An axis is a whole number, got {axis!r}.") from None


def _as_axis(axis: Any) -> Axis:
    several = isinstance(axis, list | tuple)
    return tuple(map(_as_one_axis, axis)) if several else None if axis is None else _as_one_axis(axis)


def _axis_at(axis: Axis, updates: Updates, params: Params, name: str) -> Any:
    """The axis as an option of a `Rule`, which every leaf must have, each once; a scalar is a vector of one.

    Raises:
      ValueError: for a leaf without it, naming it.
    """
    axes = () if axis is None else (axis,) if isinstance(axis, int) else axis

    def checked(path: Any, leaf: Any) -> Axis:
        ndim = max(jnp.ndim(leaf), 1)
        if is_inexact(leaf) and len({each % ndim for each in axes if -ndim <= each < ndim}) < len(axes):
            raise ValueError(
                f"{name}={axis} does not fit the leaf at {keystr(path) or 'the root'}, of shape "
                f"{jnp.shape(leaf)}. Leave it out with masked(...)."
            )
        return tuple(range(ndim)) if axis is None else axis

    return tree_map_with_path(checked, updates)


class _Projection(Rule, needs=("params",), abstract=True, elementwise=False):
    """The step to the nearest point of a set, for the vectors along an axis."""

    def nearest(self, x: Array) -> Array:
        """The points of the set that are nearest to the vectors in `x`."""
        raise NotImplementedError

    def init(self, params: Params) -> OptState:
        for name, axis_of in self._varying.items():
            axis_of(self.__dict__[name], params, params, f"{type(self).__name__}: {name}")
        return super().init(params)

    def leaf(self, g: Array, p: Array) -> Array:
        if not g.size:
            return g
        moved = jnp.atleast_1d(p + g)  # a scalar is a vector of one
        # The difference between a number that is not below 0 and p is rounded to -p or above, in any dtype.
        return split_as(p, self.nearest(moved).reshape(p.shape)) - p


class project_ball(_Projection):
    r"""Keeps the norm of each vector at most a radius; a longer one is shortened.

    $$u = \min\Big(1, \frac{r}{\|\theta + g\|}\Big)\,(\theta + g) - \theta$$

    where $r$ is `radius`. With an axis it is the max-norm constraint on the weights of each unit. The norm
    of the sum with the parameters is at most $r$ to rounding in their dtype. A vector whose length is not
    finite becomes NaN.

    **State**: none; with a scheduled radius, its count.

    **Raises** `ValueError` for a leaf that does not have these axes, naming it.

    >>> import jax.numpy as jnp
    >>> tx, params = project_ball(radius=1.0), jnp.zeros(2)
    >>> tx.update(jnp.array([3.0, 4.0]), tx.init(params), params)[0]
    Array([0.6, 0.8], dtype=float32)
    """

    radius: Number = hyperparameter(default=1.0, low=0.0, doc="$r$, the greatest norm")
    axis: Axis = static(
        default=None,
        convert=_as_axis,
        at=_axis_at,
        doc=(
            "the axes along which a leaf is a vector; the other axes number vectors. `None` is the whole leaf"
        ),
    )

    def nearest(self, x: Array) -> Array:
        return x * shortening(_length(x, self.axis), self.radius)


class project_sphere(_Projection):
    r"""Keeps the norm of each vector at a radius.

    $$u = \frac{r}{\|\theta + g\|}\,(\theta + g) - \theta$$

    where $r$ is `radius`. A vector that would become 0 has no nearest point and becomes 0; one whose length
    is not finite becomes NaN.

    **State**: none; with a scheduled radius, its count.

    **Raises** `ValueError` for a leaf that does not have these axes, naming it.

    >>> import jax.numpy as jnp
    >>> tx, params = project_sphere(), jnp.array([0.0, 1.0])
    >>> params + tx.update(jnp.array([0.75, 0.0]), tx.init(params), params)[0]
    Array([0.6, 0.8], dtype=float32)
    """

    radius: Number = hyperparameter(default=1.0, low=0.0, below=float("inf"), doc="$r$, the norm")
    axis: Axis = static(
        default=None,
        convert=_as_axis,
        at=_axis_at,
        doc="the axes along which a leaf is a vector, as in `project_ball`",
    )

    def nearest(self, x: Array) -> Array:
        return self.radius * quotient(x, jnp.broadcast_to(_length(x, self.axis), x.shape))


class project_simplex(_Projection):
    r"""Keeps each vector a distribution: no element is below 0, and the elements sum to a given total.

    $$u = \max(\theta + g - \tau, 0) - \theta, \qquad \tau: \sum_i \max(\theta_i + g_i - \tau, 0) = s$$

    where $s$ is `total`. No element of the sum with the parameters is below 0, in any dtype; the total is
    $s$ to rounding in that dtype.

    **State**: none; with a scheduled total, its count.

    **Raises** `TypeError` for a complex leaf, `ValueError` for one that does not have this axis, naming it.

    **Reference**: Duchi et al. (2008), *Efficient Projections onto the l1-Ball for Learning in High
    Dimensions*, figure 1.

    >>> import jax.numpy as jnp
    >>> tx, params = project_simplex(), jnp.array([0.25, 0.25, 0.5])
    >>> params + tx.update(jnp.array([0.5, -1.0, 0.0]), tx.init(params), params)[0]
    Array([0.625, 0.   , 0.375], dtype=float32)
    """

    total: Number = hyperparameter(
        default=1.0, low=0.0, below=float("inf"), doc="$s$, which is 1 for probabilities"
    )
    axis: int = static(
        default=-1, convert=_as_one_axis, at=_axis_at, doc="the axis along which a leaf is a vector"
    )

    def nearest(self, x: Array) -> Array:
        if jnp.iscomplexobj(x):
            raise TypeError("project_simplex: a complex leaf has no order. Leave it out with masked(...).")
        return onto_simplex(x, self.total, self.axis)


def _length(x: Array, axis: Axis) -> Array:
    """The length of each vector; NaN where it is not finite, so that no element looks valid."""
    length = norm(x, axis, keepdims=True)
    return jnp.where(jnp.isfinite(length), length, jnp.nan)

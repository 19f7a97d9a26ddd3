"""SM3's direction: AdaGrad's, with bounds on its sums of squares, one for each slice along each axis."""

from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import optimization_barrier

from gradtx.arithmetic import (
    abs_squared,
    bounded,
    complement,
    interpolate,
    quotient,
    root,
    saturated,
    visible,
)
from gradtx.core import GradientTransformation, Number, Params, Updates, decay_factor, hyperparameter, static
from gradtx.tree import MaskedNode, TreeMismatchError, is_inexact, map_leaves, state_like


class ScaleBySM3State(NamedTuple):
    """The bounds, in a tree for each axis, and the average direction."""

    mu: Any
    nu: Any


class scale_by_sm3(GradientTransformation, state=ScaleBySM3State, role="normalizes", elementwise=False):
    r"""SM3's direction: the gradient over the root of a bound on the sum of its squares.

    $$v_t = \min_a \mu^a_{t-1} + |g_t|^2, \qquad u_t = \frac{g_t}{\sqrt{v_t + \epsilon}}, \qquad
      \mu^a_t = \max_{\text{other axes}} v_t$$

    where $a$ runs over the axes of a leaf, $\mu^a$ has one number for each index along $a$ (a scalar has
    one), and $\epsilon$ is `eps`. If $v_t + \epsilon$ is 0, so is $u_t$. With $b_2 < 1$ the sum becomes an
    average, $b_2 \min_a \mu^a_{t-1} + (1 - b_2)\,|g_t|^2$. The update is the average direction
    $\nu_t = b_1 \nu_{t-1} + (1 - b_1)\,u_t$.

    **State**: `ScaleBySM3State(mu, nu)`: `mu` is a tuple with a tree for each axis, of vectors as long as
    that axis of the parameter (a `MaskedNode` for a parameter with fewer axes), real; `nu` has the shape of
    the parameters, or is `None` without `average`. All are in float32 or wider.

    **Reference**: Anil et al. (2019), *Memory-Efficient Adaptive Optimization*, arXiv:1901.11150, algorithm
    SM3-II, with the slices along each axis as its cover (section 4); the paper has no epsilon. Optax has in
    `mu` a list for each leaf, and takes no scalars.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_sm3(eps=0.0, average=False)
    >>> gradient = jnp.array([[3.0, 0.0], [0.0, 4.0]])
    >>> update, state = tx.update(gradient, tx.init(gradient))
    >>> state.mu
    (Array([ 9., 16.], dtype=float32), Array([ 9., 16.], dtype=float32))
    >>> tx.update(gradient, state)[0].round(3)  # 3 / sqrt(9 + 9), 4 / sqrt(16 + 16)
    Array([[0.707, 0.   ],
           [0.   , 0.707]], dtype=float32)
    """

    b1: Number = decay_factor(default=0.9, doc="the decay of the average direction")
    b2: Number = hyperparameter(default=1.0, low=0.0, high=1.0, doc="the decay of the squares; 1 sums them")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added inside the root")
    average: bool = static(
        default=True,
        kw_only=True,
        doc="whether to average: without, the update is $u_t$ and the state has the bounds alone",
    )

    def init(self, params: Params) -> ScaleBySM3State:
        nu = state_like(params) if self.average else None
        ranks = [max(jnp.ndim(leaf), 1) for leaf in jax.tree.leaves(params) if is_inexact(leaf)]
        # The sums have the shapes, and the sharding over devices, that the bounds get.
        sums = (jax.tree.map(partial(_sum_along, axis), params) for axis in range(max(ranks, default=1)))
        return ScaleBySM3State(tuple(state_like(tree, real=True) for tree in sums), nu)

    def apply(
        self, updates: Updates, state: ScaleBySM3State, params: Params = None, **extra: Any
    ) -> tuple[Updates, ScaleBySM3State]:
        c1, c2 = complement(self.b1), complement(self.b2)
        weight = jnp.where(jnp.asarray(c2) == 0, 1.0, c2)
        lift = partial(map_leaves, updates=updates, same_shape=False, optional=range(1, len(state.mu)))
        if self.average:
            numbers = (c2, weight, self.eps, c1)
            updates, *mu, nu = lift(_average_direction, state=(*state.mu, state.nu), numbers=numbers)
            return updates, ScaleBySM3State(tuple(mu), nu)
        updates, *mu = lift(_direction, state=state.mu, numbers=(c2, weight, self.eps))
        return updates, ScaleBySM3State(tuple(mu), None)


def _sum_along(axis: int, leaf: Any) -> Any:
    """One number for each index along `axis`, where there is one."""
    rank = jnp.ndim(leaf)
    if axis >= max(rank, 1) or not is_inexact(leaf):
        return MaskedNode()
    return jnp.sum(leaf, _others(rank, axis))


def _average_direction(g: Array, *rest: Any) -> tuple[Any, ...]:
    *mu, nu, c2, weight, eps, c1 = rest
    _require_shape(g, nu.shape)
    u, *mu = _direction(g, *mu, c2, weight, eps)
    nu = interpolate(nu, u, c1)
    return nu, *mu, nu


def _direction(g: Array, *rest: Any) -> tuple[Any, ...]:
    """The direction, and the bounds along each axis: `None` along those that the leaf does not have."""
    *slices, c2, weight, eps = rest
    mu: list[Array] = [along for along in slices if along is not None]
    _require_shape(g, sum((along.shape for along in mu), ()))
    arrays = (g, *mu, c2, weight)
    bounds = []
    for axis in range(len(mu)):
        # After a barrier of its own each maximum takes its own squares; XLA on CPU would store them once.
        arrays = optimization_barrier(arrays)
        bounds.append(saturated(jnp.max(_bound(*arrays), _others(g.ndim, axis), initial=0.0)))
    u = quotient(bounded(g), root(saturated(_bound(g, *mu, c2, weight)) + eps))
    return visible(u, g), *bounds, *slices[len(mu) :]


def _require_shape(g: Array, shape: tuple[int, ...]) -> None:
    """Raises where a gradient is not of this shape: the bounds would be broadcast against it."""
    if g.shape != shape:
        raise TreeMismatchError(f"an update of shape {g.shape} for parameters of shape {shape}")


def _bound(g: Array, *rest: Array) -> Array:
    """v, from the gradient and the bounds along each axis."""
    *mu, c2, weight = rest
    along = (jnp.expand_dims(slices, _others(g.ndim, axis)) for axis, slices in enumerate(mu))
    return (1.0 - c2) * reduce(jnp.minimum, along) + weight * abs_squared(g)


def _others(ndim: int, axis: int) -> tuple[int, ...]:
    return tuple(other for other in range(ndim) if other != axis)

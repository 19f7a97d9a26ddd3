"""DoG and DoWG: steps of the distance travelled over the gradients seen, without a learning rate."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, AxisName, bounded, multiply_by, quotient, root, saturated, visible
from gradtx.core import GradientTransformation, Number, Params, Updates, hyperparameter, static
from gradtx.tree import as_scalar, copies, map_leaves, norm, number


class DoGState(NamedTuple):
    """The state of `scale_by_dog`: whether nothing has moved, the start, the distance, and the squares."""

    is_init_step: Any
    init_params: Any
    max_dist: Any
    sum_sq_norm_grads: Any


class scale_by_dog(GradientTransformation, state=DoGState, needs=("params",)):
    r"""Distance over Gradients: the greatest distance from the start over the root of all squares.

    $$u_t = \frac{\bar r_t}{\sqrt{G_t + \epsilon}}\,g_t, \qquad
      \bar r_t = \max_{i \le t} \big(\|\theta_i - \theta_0\|,\; r_\epsilon\big), \qquad
      G_t = \sum_{i \le t} \|g_i\|^2$$

    with norms of all leaves as one vector. The first length $r_\epsilon$ follows from `init_step`:

    - `"heuristic"`: it is `init_step` times $1 + \|\theta_0\|$;
    - `"distance"`: it is `init_step`;
    - `"learning_rate"`: it is 0, and the first step is `init_step` times $g_0$.

    The update is not yet turned around: `scale_by_learning_rate` follows, as in `dog`. Evaluate an average of
    the parameters, as with `average_params`: the steps do not shrink by themselves.

    In float32 a gradient longer than $2^{63}$ counts as that long. One with an infinite element is NaN.

    **State**: `DoGState(is_init_step, init_params, max_dist, sum_sq_norm_grads)`: whether all gradients were
    0 so far; the parameters at the start, in their own dtype; and the scalars $\bar r$ and $G$, in float32 or
    wider.

    **Reference**: Ivgi, Hinder and Carmon (2023), *DoG is SGD's Best Friend: A Parameter-Free Dynamic Step
    Size Schedule*, arXiv:2302.12022, equation 1 and section 3.3; the first learning rate is from the authors'
    code. Here it waits for the first gradient that is not 0.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_dog(2.0, eps=0.0, kind="distance")
    >>> state = tx.init(jnp.zeros(2))
    >>> update, state = tx.update(jnp.array([3.0, 4.0]), state, jnp.zeros(2))
    >>> update  # of length 2
    Array([1.2, 1.6], dtype=float32)
    >>> tx.update(jnp.array([0.0, 12.0]), state, jnp.array([0.0, 13.0]))[0]  # 13 / sqrt(5² + 12²) of it
    Array([ 0., 12.], dtype=float32)
    """

    init_step: Number = hyperparameter(
        default=1e-6,
        above=0.0,
        doc=(
            "the number that makes the first step: small, as the length grows by itself; the paper takes "
            "1e-6, and 1e-4 for a model with batch normalization"
        ),
    )
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the sum of squares")
    kind: str = static(
        default="heuristic",
        choices=("heuristic", "distance", "learning_rate"),
        kw_only=True,
        doc="the meaning of `init_step`",
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    couples_leaves = True
    finds_rate = "the distance travelled gives the size of each step"

    def init(self, params: Params) -> DoGState:
        length = as_scalar(self.init_step)
        if self.kind == "heuristic":
            length = length * (1 + _norm(params, self.axis_name))
        return DoGState(
            is_init_step=jnp.ones((), bool),
            init_params=copies(params, own_dtype=True),
            max_dist=number(0.0 if self.kind == "learning_rate" else length),
            sum_sq_norm_grads=number(),
        )

    def apply(
        self, updates: Updates, state: DoGState, params: Params = None, **extra: Any
    ) -> tuple[Updates, DoGState]:
        size, shortening = _bounded_norm(updates, jnp.ones((), float), self.axis_name)
        travelled = _distance(updates, params, state.init_params, self.axis_name)
        longest = jnp.maximum(state.max_dist, travelled)
        squares = saturated(state.sum_sq_norm_grads + size * size)
        rate = quotient(longest, root(squares + as_scalar(self.eps)))
        if self.kind == "learning_rate":
            rate = jnp.where(state.is_init_step, as_scalar(self.init_step), rate)
        return map_leaves(multiply_by, updates, numbers=(rate * shortening,)), state._replace(
            is_init_step=state.is_init_step & (size == 0), max_dist=longest, sum_sq_norm_grads=squares
        )


class DoWGState(NamedTuple):
    """The state of `scale_by_dowg`: the start, the weighted squares, and the squared distance."""

    init_params: Any
    weighted_sq_norm_grads: Any
    estim_sq_dist: Any


class scale_by_dowg(GradientTransformation, state=DoWGState, needs=("params",)):
    r"""Distance over Weighted Gradients: DoG with each square weighted by the squared distance at its time.

    $$u_t = \frac{\bar r_t^2}{\sqrt{v_t} + \epsilon}\,g_t, \qquad
      \bar r_t^2 = \max\big(\bar r_{t-1}^2,\; \|\theta_t - \theta_0\|^2\big), \qquad
      v_t = v_{t-1} + \bar r_t^2\,\|g_t\|^2$$

    with norms of all leaves as one vector. As the distance grows, the early gradients count less, and the
    steps are longer than those of DoG. The update is not yet turned around, as in `scale_by_dog`. In float32
    a distance, and its product with the norm of a gradient, count as at most $2^{63}$.

    **State**: `DoWGState(init_params, weighted_sq_norm_grads, estim_sq_dist)`: the parameters at the start,
    in their own dtype, and the scalars $v$ and $\bar r^2$, in float32 or wider.

    **Reference**: Khaled, Mishchenko and Jin (2023), *DoWG Unleashed: An Efficient Universal Parameter-Free
    Gradient Descent Method*, arXiv:2305.16284, algorithm 1, which has no $\epsilon$; it is Optax's.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_dowg(4.0, eps=0.0)
    >>> update, state = tx.update(jnp.array([3.0, 4.0]), tx.init(jnp.zeros(2)), jnp.zeros(2))
    >>> update, state.weighted_sq_norm_grads  # of length 2
    (Array([1.2, 1.6], dtype=float32), Array(100., dtype=float32))
    """

    init_estim_sq_dist: Number = hyperparameter(
        default=1e-4, above=0.0, doc=r"the first $\bar r^2$, a guess that is surely too small"
    )
    eps: Number = hyperparameter(default=1e-4, low=0.0, doc="added to the root of the weighted squares")
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    couples_leaves = True
    finds_rate = "the distance travelled gives the size of each step"

    def init(self, params: Params) -> DoWGState:
        return DoWGState(
            init_params=copies(params, own_dtype=True),
            weighted_sq_norm_grads=number(),
            estim_sq_dist=number(self.init_estim_sq_dist),
        )

    def apply(
        self, updates: Updates, state: DoWGState, params: Params = None, **extra: Any
    ) -> tuple[Updates, DoWGState]:
        travelled = bounded(_distance(updates, params, state.init_params, self.axis_name))
        squared = jnp.maximum(state.estim_sq_dist, travelled * travelled)
        longest = root(squared)
        weighted, shortening = _bounded_norm(updates, longest, self.axis_name)
        squares = saturated(state.weighted_sq_norm_grads + weighted * weighted)
        rate = longest * quotient(longest, root(squares) + as_scalar(self.eps))
        return map_leaves(multiply_by, updates, numbers=(rate * shortening,)), state._replace(
            weighted_sq_norm_grads=squares, estim_sq_dist=squared
        )


def _bounded_norm(updates: Updates, weight: Array, axis_name: AxisName) -> tuple[Array, Array]:
    """The weighted norm, of a finite square, and the factor that makes the updates so long."""
    size = _norm(updates, axis_name)
    weighted = visible(bounded(weight * size), size)
    return weighted, quotient(quotient(weighted, weight), size)


def _distance(updates: Updates, params: Params, start: Params, axis_name: AxisName) -> Array:
    """The distance of the parameters that have updates from the start."""
    return _norm(map_leaves(_travelled, updates, params=params, start=start), axis_name)


def _norm(tree: Any, axis_name: AxisName) -> Array:
    """The norm in the precision of the numbers in the state."""
    return norm(tree, axis_name=axis_name).astype(float)


def _travelled(g: Array, p: Array, p0: Array) -> Array:
    return p - p0

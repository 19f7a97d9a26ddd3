"""DoG: a step size for each layer from the distance travelled and the gradients so far."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import (
    SPLIT_LEAVES,
    AxisName,
    abs_squared,
    bounded,
    norm,
    quotient,
    root,
    saturated,
    shortening,
)
from gradtx.core import Number, Params, Rule, hyperparameter, static
from gradtx.tree import MaskedNode, arithmetic_dtype, as_storage_dtype, copies, is_inexact, norm as tree_norm


class ScaleByDistanceOverGradientsState(NamedTuple):
    """The state of `scale_by_distance_over_gradients`.

    `max_dist` is the greatest distance from `init_params`, and `grad_sum_of_squares` the sum of the squared
    norms of gradients: a number for each leaf.
    """

    max_dist: Any
    grad_sum_of_squares: Any
    init_params: Any


class scale_by_distance_over_gradients(
    Rule, state=ScaleByDistanceOverGradientsState, needs=("params",), role="normalizes", same_shape=False
):
    r"""Distance over gradients: a step size without a learning rate to tune, for each leaf.

    $$\bar r_t = \max\!\big(\bar r_{t-1},\, \|\theta_t - \theta_0\|\big), \qquad
      G_t = G_{t-1} + \|g_t\|^2, \qquad u_t = s\,\frac{\bar r_t}{\sqrt{G_t + \epsilon}}\,g_t, \qquad
      \bar r_{-1} = \rho\,(1 + \|\theta_0\|)$$

    where $s$ is `global_scale`, $\rho$ is `reps_rel` and $\epsilon$ is `eps`. The updates have the sign of
    the gradient: `scale_by_learning_rate(1.0)` follows. The authors evaluate an average of the parameters,
    as `average_params` keeps it.

    **State**: `ScaleByDistanceOverGradientsState(max_dist, grad_sum_of_squares, init_params)`: two trees of
    real scalars in float32 or wider, and a copy of the parameters, in `param_dtype`.

    **Reference**: Ivgi, Hinder and Carmon (2023), *DoG is SGD's Best Friend: A Parameter-Free Dynamic Step
    Size Schedule*, arXiv:2302.12022, in the form for each layer (L-DoG); a leaf is a layer. $\epsilon$ is
    that of the authors' code. Optax keeps `grad_sum_of_squares` as arrays of shape (1,), and
    returns such an update for a scalar parameter.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_distance_over_gradients(reps_rel=0.5, eps=0.0)
    >>> start = jnp.array([0.0, 3.0])
    >>> update, state = tx.update(jnp.array([3.0, 4.0]), tx.init(start), start)
    >>> update  # 0.5 * (1 + 3) over 5
    Array([1.2, 1.6], dtype=float32)
    >>> tx.update(jnp.array([12.0, 0.0]), state, start + jnp.array([26.0, 0.0]))[0]  # 26 over 13
    Array([24.,  0.], dtype=float32)
    """

    reps_rel: Number = hyperparameter(
        default=1e-6,
        low=0.0,
        doc=(
            r"$\rho$, the first distance, relative to $1 + \|\theta_0\|$. The paper takes 1e-6, and 1e-4 "
            "with batch normalization"
        ),
    )
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the sum of squares")
    param_dtype: Any = static(
        default=jnp.float32,
        convert=as_storage_dtype,
        doc=r"the dtype in which $\theta_0$ is stored; `None` keeps that of each parameter, without rounding",
    )
    global_scale: Number = hyperparameter(default=1.0, doc="a factor of all updates")
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    finds_rate = "the distance travelled gives the size of each step"

    def init(self, params: Params) -> ScaleByDistanceOverGradientsState:
        first = partial(_first_distance, reps_rel=self.reps_rel, axis_name=self.axis_name)
        distances = jax.tree.map(first, params)
        start = copies(params, self.param_dtype, own_dtype=self.param_dtype is None)
        return ScaleByDistanceOverGradientsState(distances, jax.tree.map(jnp.zeros_like, distances), start)

    def leaf(
        self, g: Array, max_dist: Array, grad_sum_of_squares: Array, init_params: Array, p: Array
    ) -> tuple[Array, Array, Array, Array]:
        distance = jnp.maximum(max_dist, norm(p - init_params, axis_name=self.axis_name))
        length = norm(g, axis_name=self.axis_name)
        bound = bounded(length)  # a gradient counts as at most as long as a number with a finite square
        total = saturated(grad_sum_of_squares + abs_squared(bound))
        size = self.global_scale * quotient(distance, root(total + self.eps))
        return size * shortening(length, bound) * g, distance, total, init_params


def _first_distance(p: Any, reps_rel: Any, axis_name: AxisName) -> Array | MaskedNode:
    """The distance that one leaf counts as having travelled at the start."""
    if not is_inexact(p):
        return MaskedNode()
    return (reps_rel * (1.0 + tree_norm(p, axis_name=axis_name))).astype(arithmetic_dtype(jnp.result_type(p)))

"""NovoGrad's direction: a momentum of gradients, each leaf divided by the average norm of its gradients."""

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
    complement,
    interpolate,
    quotient,
    root,
    shortening,
)
from gradtx.core import (
    GradientTransformation,
    Number,
    Params,
    Updates,
    decay_factor,
    hyperparameter,
    safe_increment,
    static,
    storage_dtype,
    zero_count,
)
from gradtx.tree import is_inexact, map_leaves, norm, state_like


class ScaleByNovogradState(NamedTuple):
    """The state of `scale_by_novograd`: the count, the momentum, and a number for each leaf."""

    count: Any
    mu: Any
    nu: Any


class scale_by_novograd(
    GradientTransformation,
    state=ScaleByNovogradState,
    needs=("params",),
    role="normalizes",
    counts=("count",),
):
    r"""NovoGrad's direction, leaf by leaf.

    $$\nu_t = b_2 \nu_{t-1} + (1 - b_2)\,\|g_t\|^2, \qquad \nu_1 = \|g_1\|^2$$
    $$\mu_t = b_1 \mu_{t-1} + \frac{g_t}{\sqrt{\nu_t + \epsilon_\text{root}} + \epsilon} + \lambda\,\theta_t,
      \qquad u_t = \mu_t$$

    where $\|g\|$ is the norm of a whole leaf, $\lambda$ is `weight_decay` and $\theta$ the parameters. The
    first gradient is divided by its norm alone, $\mu_1 = g_1 / \|g_1\| + \lambda\,\theta_1$. Gradients that
    were all 0 add nothing to the momentum, which is a sum, as in `trace`. For weight decay of some leaves
    only: `chain(scale_by_novograd(b1=0.0), add_decayed_weights(weight_decay, mask), trace(b1))`.

    **State**: `ScaleByNovogradState(count, mu, nu)`: an int32 scalar, a tree shaped as the parameters, in
    float32 or wider, or `mu_dtype`, and a tree of real scalars.

    **Reference**: Ginsburg et al. (2019), *Stochastic Gradient Methods with Layer-wise Adaptive Moments for
    Training of Deep Networks*, arXiv:1905.11286, algorithm 1, which lacks $\epsilon_\text{root}$. A leaf is a
    layer. Optax adds the epsilons to the first norm too.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_novograd()
    >>> params = jnp.zeros(2)
    >>> update, state = tx.update(jnp.array([3.0, 4.0]), tx.init(params), params)
    >>> update.round(3), state.nu
    (Array([0.6, 0.8], dtype=float32), Array(25., dtype=float32))
    """

    b1: Number = decay_factor(default=0.9, doc="the decay of the momentum")
    b2: Number = decay_factor(default=0.25, doc="the decay of the average squared norm")
    eps: Number = hyperparameter(default=1e-8, low=0.0, doc="added to the root")
    eps_root: Number = hyperparameter(default=0.0, low=0.0, doc="added inside the root")
    weight_decay: Number = hyperparameter(default=0.0, low=0.0, doc="the strength of the weight decay")
    mu_dtype: Any = storage_dtype(of="mu", default=None)
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    def init(self, params: Params) -> ScaleByNovogradState:
        mu, nu = state_like(params, self.mu_dtype), state_like(jax.tree.map(_one, params), real=True)
        return ScaleByNovogradState(zero_count(), mu, nu)

    def apply(
        self, updates: Updates, state: ScaleByNovogradState, params: Params = None, **extra: Any
    ) -> tuple[Updates, ScaleByNovogradState]:
        first = jnp.asarray(state.count == 0)
        c2 = jnp.where(first, 1.0, complement(self.b2))
        # The norms read the gradients in their own precision. In the leaf function the norm and the momentum
        # would share a widened copy of a gradient of 16 bits, and XLA on CPU would store it.
        lengths = jax.tree.map(partial(norm, axis_name=self.axis_name), updates)
        updates, mu, nu = map_leaves(
            _novograd,
            updates,
            state=(state.mu, state.nu),
            lengths=lengths,
            params=params,
            numbers=(first, self.b1, c2, self.eps, self.eps_root, self.weight_decay),
            same_shape=False,
        )
        return updates, ScaleByNovogradState(safe_increment(state.count), mu, nu)


def _one(leaf: Any) -> Any:
    """One number of the dtype of the leaf; a non-differentiable leaf stays."""
    return jnp.zeros((), jnp.result_type(leaf)) if is_inexact(leaf) else leaf


def _novograd(
    g: Array,
    mu: Array,
    nu: Array,
    length: Array,
    p: Array,
    first: Array,
    b1: Array,
    c2: Array,
    eps: Array,
    eps_root: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array]:
    # A gradient counts as at most as long as a number with a finite square.
    bound = bounded(length)
    nu = interpolate(nu, abs_squared(bound), c2)
    scale = jnp.where(first, bound, root(nu + eps_root) + eps)
    mu = b1 * mu + quotient(g * shortening(length, bound), scale) + weight_decay * p
    return mu, mu, nu

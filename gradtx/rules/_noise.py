"""Gradient noise that fades: Gaussian, drawn from a key in the state."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName
from gradtx.core import (
    GradientTransformation,
    Number,
    Params,
    Updates,
    hyperparameter,
    safe_increment,
    static,
    zero_count,
)
from gradtx.tree import (
    Key,
    as_key,
    draws_like,
    first_words,
    is_inexact,
    map_leaves,
    next_words,
    normal,
    widened,
)


class AddNoiseState(NamedTuple):
    """The state of `add_noise`: how many updates there were, and the words of the next draw's key."""

    count: Any
    rng_key: Any


class add_noise(GradientTransformation, state=AddNoiseState, counts=("count",)):
    r"""Adds Gaussian noise to the updates, less with every step.

    $$u_t = g_t + \sigma_t\,\varepsilon_t, \qquad \varepsilon_t \sim \mathcal N(0, 1), \qquad
      \sigma_t^2 = \frac{\eta}{(1 + t)^\gamma}$$

    with $t = 0$ at the first update. For a complex leaf $|\varepsilon|^2$ has the mean 1. The sum is taken
    in at least float32. The same key draws the same noise again; each leaf has a draw of its own.

    **State**: `AddNoiseState(count, rng_key)`: an int32 scalar and the words of a key, which NumPy and
    checkpoints can store. Optax keeps the key itself and draws the same noise.

    **Raises** `TypeError` for a traced key and for an array of several keys.

    **Reference**: Neelakantan et al. (2015), *Adding Gradient Noise Improves Learning for Very Deep
    Networks*, arXiv:1511.06807, section 2.

    >>> import jax.numpy as jnp
    >>> tx = add_noise(eta=0.25, gamma=0.55, key=0)
    >>> update, state = tx.update(jnp.zeros(10_000), tx.init(jnp.zeros(10_000)))
    >>> print(f"{update.std():.2f}")  # the root of 0.25
    0.50
    """

    eta: Number = hyperparameter(
        low=0.0, doc=r"$\eta$, the variance of the first noise; the paper tries 0.01, 0.3 and 1"
    )
    gamma: Number = hyperparameter(
        low=0.0, doc=r"$\gamma$, the power with which the variance fades: 0.55 in the paper, 0 for a constant"
    )
    key: Key = static(default=0, convert=as_key, doc="a seed, or a key of `jax.random`; it is structure")
    axis_name: AxisName = static(
        default=None,
        kw_only=True,
        doc=(
            "inside `jax.shard_map`, the mesh axes over which the leaves are split: each shard has noise of "
            "its own, and a leaf that is whole by its type has the same noise on all devices"
        ),
    )

    def init(self, params: Params) -> AddNoiseState:
        return AddNoiseState(zero_count(), first_words(self.key))

    def apply(
        self, updates: Updates, state: AddNoiseState, params: Params = None, **extra: Any
    ) -> tuple[Updates, AddNoiseState]:
        count = safe_increment(state.count)
        deviation = jnp.sqrt(self.eta / count.astype(float) ** self.gamma)
        words, key = next_words(self.key, state.rng_key)
        noise = draws_like(key, jax.tree.map(_wide, updates), normal, self.axis_name)
        updates = map_leaves(_add_multiple, updates, noise=noise, numbers=(deviation,))
        return updates, AddNoiseState(count, words)


def _wide(leaf: Any) -> Any:
    """An array in the dtype of sums; a non-differentiable leaf as it is."""
    return jnp.asarray(leaf).astype(widened(jnp.result_type(leaf))) if is_inexact(leaf) else leaf


def _add_multiple(g: Array, noise: Array, deviation: Array) -> Array:
    return g + deviation * noise

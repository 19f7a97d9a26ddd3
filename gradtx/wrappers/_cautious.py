"""Caution: an update only where the current gradient agrees with it."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, AxisName, over_shards, quotient
from gradtx.core import (
    GradientTransformation,
    Number,
    OptState,
    Params,
    Updates,
    Wrapper,
    hyperparameter,
    nested,
    static,
)
from gradtx.tree import map_leaves


class cautious(Wrapper):
    r"""Zeroes the elements of an update that go against the current gradient, and enlarges the others.

    $$u = T(g)\,\frac{k}{\max(\bar k, f)}, \qquad k = \mathbb 1[T(g)\,g < 0], \qquad
      \bar k = \frac1n \sum_{i=1}^n k_i$$

    where $f$ is `min_fraction` and the mean $\bar k$ is over one leaf. A momentum goes on for a while after
    the gradient has turned; the mask $k$ stops such elements. The state of $T$ is that without the mask.

    The mask acts on all of $T(g)$, its weight decay too. The paper does not mask weight decay; put it after:

        chain(cautious(scale_by_adam(), descent=False), add_decayed_weights(0.1),
              scale_by_learning_rate(1e-3))

    **State**: a tuple with the state of the inner transformation.

    **Reference**: Liang et al. (2024), *Cautious Optimizers: Improving Training with One Line of Code*,
    arXiv:2411.16085, algorithm 1. There the denominator is $\bar k + \epsilon$; the maximum, with $f$ = 1e-3,
    is that of the authors' code.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd
    >>> tx = cautious(sgd(0.5, momentum=1.0))
    >>> _, state = tx.update(jnp.array([4.0, 4.0]), tx.init(jnp.zeros(2)))
    >>> tx.update(jnp.array([-2.0, 4.0]), state)[0]  # instead of -0.5 * [4 - 2, 4 + 4]
    Array([-0., -8.], dtype=float32)
    """

    inner: GradientTransformation = nested(state="0", doc="$T$")
    min_fraction: Number = hyperparameter(default=1e-3, low=0.0, high=1.0, doc=r"$f$, the least denominator")
    descent: bool = static(
        default=True,
        kw_only=True,
        doc=(
            "whether `inner` returns steps, against the gradient, as an optimizer does. `False` is for a "
            r"direction along the gradient, which is negated later: then $k = \mathbb 1[T(g)\,g > 0]$"
        ),
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        proposed, new = self.update_part(self.inner, updates, state[0], params, **extra)
        restrained = partial(_restrained, descent=self.descent, axis_name=self.axis_name)
        return map_leaves(restrained, proposed, gradient=updates, numbers=(self.min_fraction,)), (new,)


def _restrained(
    update: Array, gradient: Array, min_fraction: Array, *, descent: bool, axis_name: AxisName
) -> Array:
    uphill = -update if descent else update
    # For its mean the mask is formed once more, behind a barrier: XLA on CPU would store it for both.
    agreed = jnp.sum(_agreement(uphill, jax.lax.optimization_barrier(gradient)))
    fraction = over_shards(agreed / max(update.size, 1), axis_name, jax.lax.pmean)
    # Multiplied, not selected, so that an element that is not finite stays visible.
    return update * quotient(_agreement(uphill, gradient), jnp.maximum(fraction, min_fraction))


def _agreement(x: Array, y: Array) -> Array:
    """1 where `x` has the direction of `y`, else 0."""
    # The product of the two might underflow, and would then have no sign.
    return jnp.maximum(jnp.sign((x * jnp.sign(y).conj()).real), 0.0)

"""Grafting: the direction of one optimizer at the length of another's step."""

from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, AxisName, multiply_by, quotient
from gradtx.core import GradientTransformation, OptState, Params, Updates, Wrapper, nested, static
from gradtx.tree import map_leaves, match, norm


class graft(Wrapper):
    r"""The direction of one transformation at the length of another's update.

    $$u = \frac{\|M(g)\|}{\|D(g)\|}\,D(g)$$

    with norms of single leaves, or of all leaves as one vector. The learning rate of $D$ cancels, but not its
    sign. Shampoo takes its length from Adam in this way, and is tuned as Adam is.

    The update is 0 where $D(g)$ is 0, and NaN where a norm is infinite or NaN. Norms are accumulated in at
    least float32, and the update stays in it.

    **State**: the pair of the states of `magnitude` and `direction`.

    **Raises** `TreeMismatchError` where one of them has an update for a leaf and the other has none.

    **Reference**: Agarwal et al. (2020), *Disentangling Adaptive Gradient Methods from Learning Rates*,
    arXiv:2002.11803, algorithm 1 (AdaGraft). The authors' PyTorch code adds 1e-16 to the denominator.

    >>> import jax.numpy as jnp
    >>> from gradtx import sgd, sign_sgd
    >>> tx = graft(magnitude=sgd(1.0), direction=sign_sgd(1e-3))
    >>> g = jnp.array([1.0, 1.0, -7.0, 7.0])
    >>> tx.update(g, tx.init(g))[0]  # signs of length 10, as long as g
    Array([-5., -5.,  5., -5.], dtype=float32)
    """

    magnitude: GradientTransformation = nested(state="0", doc="$M$, whose update gives the length")
    direction: GradientTransformation = nested(state="1", doc="$D$, whose update gives the direction")
    layerwise: bool = static(
        default=True,
        kw_only=True,
        doc="whether each leaf has the length of its own leaf of $M(g)$, or all leaves together have one",
    )
    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    @property
    def couples_leaves(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - by an option
        """Whether the update of a leaf depends on the other leaves."""
        return not self.layerwise

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        length, magnitude = self.update_part(self.magnitude, updates, state[0], params, **extra)
        changed, direction = self.update_part(self.direction, updates, state[1], params, **extra)
        match(length, direction=changed)
        if self.layerwise:
            at_length_of = partial(_at_length_of, axis_name=self.axis_name)
            return map_leaves(at_length_of, changed, magnitude=length), (magnitude, direction)
        match(changed, magnitude=length)
        factor = _factor(*(norm(x, axis_name=self.axis_name) for x in (length, changed)))
        return map_leaves(multiply_by, changed, numbers=(factor,)), (magnitude, direction)


def _at_length_of(direction: Array, magnitude: Array, *, axis_name: AxisName) -> Array:
    return direction * _factor(*(norm(x, axis_name=axis_name) for x in (magnitude, direction)))


def _factor(wanted: Array, length: Array) -> Array:
    """The factor from `length` to the wanted one: 0 for the length 0, NaN if either is not finite."""
    return jnp.where(jnp.isfinite(wanted + length), quotient(wanted, length), jnp.nan)

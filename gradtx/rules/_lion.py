"""Lion's direction: the sign of the gradient mixed with its average."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import complement, interpolate
from gradtx.core import Number, Rule, decay_factor, storage_dtype


class ScaleByLionState(NamedTuple):
    """The state of `scale_by_lion`: how many updates there were, and the average gradient."""

    count: Any
    mu: Any


class scale_by_lion(Rule, state=ScaleByLionState, role="normalizes"):
    r"""Lion's direction: a sign for each element.

    $$u_t = \operatorname{sign}\big(b_1 \mu_{t-1} + (1 - b_1)\,g_t\big), \qquad
      \mu_t = b_2 \mu_{t-1} + (1 - b_2)\,g_t$$

    The direction comes from the average *before* this gradient enters it, so that with $b_1 < b_2$ the new
    gradient weighs more in the direction than in the average. An element whose average and gradient are 0
    has the direction 0. The sign of a complex element $x$ is $x / |x|$. Rounding decides the sign if the two
    terms of the sum cancel to the last digits.

    Every element moves by the learning rate, which is therefore usually 3 to 10 times smaller than Adam's,
    with a weight decay that is larger by the same factor.

    **State**: `ScaleByLionState(count, mu)`: an int32 scalar and a tree shaped as the parameters, in float32
    or wider, or `mu_dtype`.

    **Reference**: Chen et al. (2023), *Symbolic Discovery of Optimization Algorithms*, arXiv:2302.06675,
    algorithm 2.

    >>> import jax.numpy as jnp
    >>> tx = scale_by_lion(b1=0.5, b2=0.75)
    >>> _, state = tx.update(jnp.array([4.0, 4.0, 0.0]), tx.init(jnp.zeros(3)))
    >>> state.mu
    Array([1., 1., 0.], dtype=float32)
    >>> tx.update(jnp.array([-0.5, -2.0, 0.0]), state)[0]  # the signs of (1 - 0.5) / 2, (1 - 2) / 2 and 0
    Array([ 1., -1.,  0.], dtype=float32)
    """

    b1: Number = decay_factor(default=0.9, doc="the weight of the average in the sign")
    b2: Number = decay_factor(default=0.99, doc="the decay of the average gradient")
    mu_dtype: Any = storage_dtype(of="mu", default=None)

    class Once(NamedTuple):
        """The weights of the gradient, and whether the sign comes from the new average."""

        c2: Any
        weight: Any
        from_new: bool

    def once(self) -> Once:
        c1, c2 = complement(self.b1), complement(self.b2)
        from_new = _keeps_the_digits(self.b1, self.b2)
        return self.Once(c2, c1 - c2 if from_new else c1, from_new)

    def leaf(self, once: Once, g: Array, mu: Array) -> tuple[Array, Array]:
        new = interpolate(mu, g, once.c2)
        # b1 mu_t + (b2 - b1) g is the paper's sum times b2, and makes a faster program. The paper's form
        # has two loops that read the old average: one for the step, and one for the new average, which
        # takes its place. XLA on CPU does not order them, and copies the whole array for one of them.
        # With the new average one loop reads the old one.
        average = new if once.from_new else mu
        return jnp.sign(self.b1 * average + once.weight * g), new


def _keeps_the_digits(b1: Any, b2: Any) -> bool:
    """Whether the sum is known to be as exact when it is formed from the new average.

    With b1 <= b2 both of its terms are at most as large as the paper's, and neither cancels a part of the
    other. A small b2 would leave few digits of the old average in the new one, and 0 none.
    """
    return not isinstance(b1, jax.Array) and not isinstance(b2, jax.Array) and max(b1, 0.5) <= b2

"""Stochastic rounding of parameters in bfloat16."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import AxisName
from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Updates,
    Wrapper,
    nested,
    safe_increment,
    static,
    zero_count,
)
from gradtx.formats import random_bits, rounded, salts
from gradtx.tree import Key, as_key, first_words, flatten, is_inexact
from gradtx.wrappers._bfloat16 import at_bfloat16, is_bfloat16, step_to
from gradtx.wrappers._draws import AXES, KEY, own_salt


class RoundStochasticallyState(NamedTuple):
    """The state of `round_stochastically`: the updates so far, the words of the key, the inner state."""

    count: Any
    rng_key: Any
    inner_state: OptState


class round_stochastically(
    Wrapper,
    state=RoundStochasticallyState,
    needs=("params",),
    wide=True,
    counts=("count",),
    elementwise=False,
):
    r"""Rounds parameters in bfloat16 up or down by chance, so that their mean is exact.

    $$u = T(g, p), \qquad p' = \begin{cases} \lceil p + u \rceil & \text{with the probability }
      (p + u - \lfloor p + u \rfloor) / (\lceil p + u \rceil - \lfloor p + u \rfloor) \\
      \lfloor p + u \rfloor & \text{otherwise} \end{cases}$$

    with the neighbours in bfloat16. Rounded to nearest, a parameter stands still whenever an update is less
    than half of the distance of two neighbours, 0.2 to 0.4% of the parameter. It takes no memory;
    `split_params` takes 1 or 2 bytes a parameter, and trains as float32 does.

    The updates are $p' - p$ in float32, with which `apply_updates` lands on $p'$, as in `split_params`. This
    transformation stands outermost.

    **State**: `RoundStochasticallyState(count, rng_key, inner_state)`: an int32 scalar and the words of the
    key.

    **Raises** `TypeError` for parameters in float16.

    **Reference**: Gupta et al. (2015), *Deep Learning with Limited Numerical Precision*, arXiv:1502.02551,
    section 3; Zamirai et al. (2020), *Revisiting BFloat16 Training*, arXiv:2010.06192.

    >>> import jax.numpy as jnp
    >>> from gradtx import apply_updates, sgd
    >>> tx, params = round_stochastically(sgd(1.0)), jnp.ones(10_000, jnp.bfloat16)
    >>> updates, _ = tx.update(jnp.full(10_000, 1 / 1024), tx.init(params), params)
    >>> print(f"{apply_updates(params, updates).astype(jnp.float32).mean():.4f}")  # 1 - 1 / 1024
    0.9990
    """

    refused_dtypes = frozenset({"float16"})

    inner: GradientTransformation = nested(
        state="inner_state", doc="the transformation $T$, everything that moves the parameters"
    )
    key: Key = static(default=0, convert=as_key, doc=KEY)
    axis_name: AxisName = static(default=None, kw_only=True, doc=AXES)

    def init(self, params: Params) -> RoundStochasticallyState:
        inner = self.inner.init(at_bfloat16(params, lambda leaf: leaf, lambda leaf: leaf))
        return RoundStochasticallyState(zero_count(), first_words(self.key), inner)

    def apply(
        self, updates: Updates, state: RoundStochasticallyState, params: Params = None, **extra: Any
    ) -> tuple[Updates, RoundStochasticallyState]:
        changed, inner = self.update_part(self.inner, updates, state.inner_state, params, **extra)
        leaves, treedef = flatten(changed)
        each = salts(state.count, state.rng_key, len(leaves))
        columns = zip(leaves, treedef.flatten_up_to(params), each, strict=True)
        state = RoundStochasticallyState(safe_increment(state.count), state.rng_key, inner)
        return treedef.unflatten([self._moved(*row) for row in columns]), state

    def _moved(self, u: Any, p: Any, salt: Array) -> Any:
        """The update of a leaf."""
        if not (is_inexact(u) and is_bfloat16(p)):
            return u
        return _rounded(u, p, own_salt(salt, p, self.axis_name))


@jax.jit
def _rounded(u: Array, p: Array, salt: Array) -> Array:
    new = p.astype(jnp.float32) + u.astype(jnp.float32)
    goal = rounded(new, random_bits(p, salt), 16)
    return step_to(goal.astype(jnp.bfloat16), p)[0]

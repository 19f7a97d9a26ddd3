"""Parameters in bfloat16 with the rest of each float32 number in the state."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import keystr, tree_flatten_with_path

from gradtx.arithmetic import AxisName, joined, remainder, upper_half
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
from gradtx.tree import Key, MaskedNode, as_key, first_words, flatten, is_inexact, is_placeholder, narrowed
from gradtx.wrappers._bfloat16 import at_bfloat16, is_bfloat16, step_to
from gradtx.wrappers._draws import AXES, KEY, own_salt


class SplitParamsState(NamedTuple):
    """The state of `split_params`: the updates so far, the words of the key, remainders, the inner state."""

    count: Any
    rng_key: Any
    remainder: Any
    inner_state: OptState


class split_params(
    Wrapper,
    state=SplitParamsState,
    needs=("params",),
    wide=True,
    counts=("count",),
    elementwise=False,
):
    r"""Trains parameters in bfloat16 as if they were float32: the state has the rest of each number.

    $$x = p + r, \qquad u = T(g, x), \qquad p' = \operatorname{bfloat16}(x + u), \qquad r' = x + u - p'$$

    $T$ sees the float32 parameters $x$. The gradients are those at $p$. With 16 bits the pattern of $x$ is
    that of $p$ followed by $r$, and every step equals float32 training bit for bit; it takes the 4 bytes
    a parameter of float32, of which a forward pass reads 2. With 8 bits $r$ is rounded stochastically.

    The updates are $p' - p$ in float32: added in float32 and rounded, as `apply_updates` of gradtx and Optax
    does, they give $p'$ where $|p'| \ge 2^{-16} |p|$; elsewhere the sum is off by at most $2^{-24} |p|$, and
    $r'$ is taken from there. So this transformation stands outermost.

    Compensated (Kahan) summation is left out: it takes the same bytes as 16 bits, and is not exact.

    **State**: `SplitParamsState(count, rng_key, remainder, inner_state)`, with an int16 or int8 array for
    each parameter in bfloat16. Other parameters are passed on as they are.

    **Raises** `TypeError` for parameters in float16, whose exponents differ from those of float32, and for
    ones that were in bfloat16 at `init` and are no longer: another library's `apply_updates` widened them.

    **Reference**: the layout of 16 bits is that of Transformer Engine's `store_param_remainders`.

    >>> import jax.numpy as jnp
    >>> from gradtx import apply_updates, sgd
    >>> tx, params = split_params(sgd(1.0)), jnp.ones(1, jnp.bfloat16)
    >>> state = tx.init(params)
    >>> for _ in range(4):  # the distance of two numbers below 1 is 1/256
    ...     updates, state = tx.update(jnp.array([1 / 1024]), state, params)
    ...     params = apply_updates(params, updates)
    >>> params
    Array([0.996094], dtype=bfloat16)
    """

    refused_dtypes = frozenset({"float16"})

    inner: GradientTransformation = nested(
        state="inner_state", doc="the transformation $T$, everything that moves the parameters"
    )
    bits: int = static(default=16, choices=(16, 8), doc="the bits of a remainder")
    key: Key = static(default=0, convert=as_key, doc=KEY)
    axis_name: AxisName = static(default=None, kw_only=True, doc=AXES)

    def init(self, params: Params) -> SplitParamsState:
        dtype = jnp.int16 if self.bits == 16 else jnp.int8
        rest = at_bfloat16(params, lambda leaf: jnp.zeros_like(leaf, dtype), lambda leaf: MaskedNode())
        inner = self.inner.init(at_bfloat16(params, lambda leaf: leaf.astype(jnp.float32), lambda leaf: leaf))
        return SplitParamsState(zero_count(), first_words(self.key), rest, inner)

    def apply(
        self, updates: Updates, state: SplitParamsState, params: Params = None, **extra: Any
    ) -> tuple[Updates, SplitParamsState]:
        whole = _whole(params, state.remainder)
        changed, inner = self.update_part(self.inner, updates, state.inner_state, whole, **extra)
        leaves, treedef = flatten(changed)
        each = salts(state.count, state.rng_key, len(leaves)) if self.bits == 8 else [None] * len(leaves)
        columns = (treedef.flatten_up_to(tree) for tree in (params, whole, state.remainder))
        rows = [self._moved(*row) for row in zip(leaves, *columns, each, strict=True)]
        changed, rest = (treedef.unflatten([row[index] for row in rows]) for index in range(2))
        return changed, SplitParamsState(safe_increment(state.count), state.rng_key, rest, inner)

    def _moved(self, u: Any, p: Any, x: Any, rest: Any, salt: Array | None) -> tuple[Any, Any]:
        """The update of a leaf in bfloat16, and its remainder after it."""
        if is_placeholder(rest) or not is_inexact(u):
            return u, rest
        return _split(u, p, x, rest, None if salt is None else own_salt(salt, p, self.axis_name))

    def evaluation_params(self, state: SplitParamsState, params: Params) -> Params:
        whole = _whole(params, state.remainder)
        return narrowed(self.inner.evaluation_params(state.inner_state, whole), params)


def _whole(params: Params, remainders: Any) -> Params:
    """The parameters in float32.

    Raises:
      TypeError: for a parameter with a remainder that is not in bfloat16.
    """
    leaves, treedef = tree_flatten_with_path(params, is_leaf=is_placeholder)
    found: list[Any] = []
    for (path, leaf), rest in zip(leaves, treedef.flatten_up_to(remainders), strict=True):
        if not is_placeholder(rest) and not is_bfloat16(leaf):
            raise TypeError(
                f"split_params: the parameter at {keystr(path) or 'the root'} was bfloat16 at init and is "
                f"{jnp.result_type(leaf)}: `p + u` is float32. Apply the updates with gradtx.apply_updates, "
                "which rounds the sum to the dtype of the parameter."
            )
        found.append(leaf if is_placeholder(rest) else _joined(leaf, rest))
    return treedef.unflatten(found)


_joined = jax.jit(joined)


@jax.jit
def _split(u: Array, p: Array, x: Array, rest: Array, salt: Array | None) -> tuple[Array, Array]:
    new = x + u.astype(jnp.float32)
    if salt is not None:
        new = rounded(new, random_bits(p, salt), 8)
    step, landed = step_to(upper_half(new), p)
    return step, remainder(new, landed, rest.dtype)

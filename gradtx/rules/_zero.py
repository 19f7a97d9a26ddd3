"""Zeros in the place of updates: of all of them, or of every NaN."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import SPLIT_LEAVES, AxisName, over_shards
from gradtx.core import GradientTransformation, OptState, Params, Updates, static
from gradtx.tree import MaskedNode, is_inexact, map_leaves, match, state_like


class set_to_zero(GradientTransformation):
    """Makes every update zero, so that the parameters stay constant.

    Inside `jax.jit` the gradients that go in are not read, and the compiler does not compute them. With
    `params` the zeros have the sharding of the parameters; without, their sharding is left to the compiler.

    **State**: none.

    >>> import jax.numpy as jnp
    >>> set_to_zero().update(jnp.array([jnp.nan, 2.0]), set_to_zero().init(jnp.zeros(2)))[0]
    Array([0., 0.], dtype=float32)
    """

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        if params is None:
            return map_leaves(jnp.zeros_like, updates), state
        return map_leaves(_zero_as, updates, params=params), state

    def update_sign(self) -> int:
        return 0


class ZeroNansState(NamedTuple):
    """The state of `zero_nans`: for each leaf, whether its last update had a NaN."""

    found_nan: Any


class zero_nans(GradientTransformation, state=ZeroNansState):
    """Replaces every NaN by 0; infinities pass.

    It hides a fault in one element, and training continues with the others. Usually a NaN means that the
    whole step is worthless: use `guard` or `apply_if_finite` then.

    **State**: `ZeroNansState(found_nan)`: a boolean a leaf, whether its last update had a NaN.

    >>> import jax.numpy as jnp
    >>> tx = zero_nans()
    >>> tx.update(jnp.array([1.0, jnp.nan]), tx.init(jnp.zeros(2)))
    (Array([1., 0.], dtype=float32), ZeroNansState(found_nan=Array(True, dtype=bool)))
    """

    axis_name: AxisName = static(default=None, kw_only=True, doc=SPLIT_LEAVES)

    def init(self, params: Params) -> ZeroNansState:
        return ZeroNansState(
            jax.tree.map(lambda p: jnp.zeros((), bool) if is_inexact(p) else MaskedNode(), params)
        )

    def apply(
        self, updates: Updates, state: ZeroNansState, params: Params = None, **extra: Any
    ) -> tuple[Updates, ZeroNansState]:
        leaves, (old,), treedef = match(updates, same_shape=False, found_nan=state.found_nan)
        # Without a gradient, as at `None`, the state stays.
        found = [
            _has_nan(u, self.axis_name) if is_inexact(u) else was for u, was in zip(leaves, old, strict=True)
        ]
        return map_leaves(_without_nans, updates), ZeroNansState(treedef.unflatten(found))


def _has_nan(u: Array, axis_name: AxisName) -> Array:
    found = jnp.isnan(u).any()
    return over_shards(found.astype(jnp.int32), axis_name, jax.lax.pmax) == 1 if axis_name else found


def _zero_as(g: Array, p: Array) -> Array:
    return state_like(p)


def _without_nans(g: Array) -> Array:
    return jnp.where(jnp.isnan(g), 0, g)

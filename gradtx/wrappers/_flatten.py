"""All leaves as one vector."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import made_whole, split_as
from gradtx.core import GradientTransformation, OptState, Params, Updates, nested
from gradtx.tree import flatten as leaves_of, is_inexact, match, widened
from gradtx.wrappers._converted import Converted


class flatten(Converted, elementwise=False):
    """Applies a transformation to all leaves as one vector.

    One loop over a long vector takes the place of one for each leaf, which pays for many small leaves; the
    vector is a copy of all of them. A rule that works leaf by leaf sees one leaf: a norm, a shape or a path
    is that of the whole vector. Extra arguments in the structure of the updates are vectors too, and a
    function of the parameters is one of the vector.

    The vector has the widest precision of the leaves, and is complex if one of them is.
    Non-differentiable leaves (`None`, integers, `float0`) are not part of it.

    **State**: that of the inner transformation, for one vector.

    **Raises** `ValueError` for a leaf without a gradient: the vector would have a gap.

    >>> import jax.numpy as jnp
    >>> from gradtx import clip_by_block_norm
    >>> tx = flatten(clip_by_block_norm(1.0))  # one block
    >>> g = {"a": jnp.array([3.0]), "b": jnp.array(4.0)}
    >>> tx.update(g, tx.init(g))[0]
    {'a': Array([0.6], dtype=float32), 'b': Array(0.8, dtype=float32)}
    """

    inner: GradientTransformation = nested(state="", doc="the transformation of the vector")

    couples_leaves = True

    def inward(self, tree: Any) -> Any:
        leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(tree) if is_inexact(leaf)]
        if not leaves:
            return ()  # and not the tree: nothing in the state mirrors the parameters
        with jax.numpy_dtype_promotion("standard"):
            dtype = jnp.result_type(*(leaf.dtype for leaf in leaves))
        whole = [made_whole(leaf, range(leaf.ndim)) for leaf in leaves]
        return jnp.concatenate([leaf.reshape(-1).astype(dtype) for leaf in whole])

    def outward(self, converted: Any, like: Any) -> Any:
        leaves, treedef = leaves_of(like)
        places = [place for place, leaf in enumerate(leaves) if is_inexact(leaf)]
        start = 0
        for place in places:
            size = math.prod(jnp.shape(leaves[place]))
            leaves[place] = _as_leaf(converted[start : start + size], jnp.asarray(leaves[place]))
            start += size
        return treedef.unflatten(leaves)

    def own(self, inner: OptState) -> OptState:
        return inner

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        if params is not None:
            _refuse_gaps(updates, params)
        return super().apply(updates, state, params, **extra)


def _as_leaf(part: Array, like: Array) -> Array:
    """A part of the vector in the shape and the sharding of a leaf, in float32 or wider."""
    dtype = widened(like.dtype)
    part = part.real if jnp.iscomplexobj(part) and not jnp.iscomplexobj(like) else part
    return split_as(like, part.reshape(like.shape).astype(dtype))


def _refuse_gaps(updates: Updates, params: Params) -> None:
    leaves, (beside,), _ = match(updates, same_shape=False, params=params)
    gaps = sum(not is_inexact(g) and is_inexact(p) for g, p in zip(leaves, beside, strict=True))
    if gaps:
        raise ValueError(
            f"flatten: {gaps} of the parameters have no gradient, and the vector of the gradients would have "
            "gaps. Put zeros there, or mask these parameters around it: masked(flatten(tx), mask)."
        )

"""Complex leaves as pairs of real ones."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.core import GradientTransformation, OptState, nested
from gradtx.tree import flatten as leaves_of, is_inexact
from gradtx.wrappers._converted import Converted


class SplitRealAndImaginaryArrays(NamedTuple):
    """The two parts of a complex leaf."""

    real: Array
    imaginary: Array


class SplitRealAndImaginaryState(NamedTuple):
    """The state of `split_real_and_imaginary`: that of the inner transformation."""

    inner_state: OptState


class split_real_and_imaginary(Converted, state=SplitRealAndImaginaryState):
    r"""Applies a transformation to the real and the imaginary part of each complex leaf as two leaves.

    $$u = T(\operatorname{Re} g) + i\,T(\operatorname{Im} g)$$

    Without it a rule sees a complex leaf as one array: Adam averages $|g|^2$ and scales both parts alike, and
    a sign is $g / |g|$. A complex gradient of `jax.grad` is the conjugate of the direction of descent:
    conjugate it first, with `tree.conj`. Real leaves stay as they are.

    **State**: `SplitRealAndImaginaryState(inner_state)`, with a pair `(real, imaginary)` in the place of each
    complex leaf.

    >>> import jax.numpy as jnp
    >>> from gradtx import sign
    >>> tx = split_real_and_imaginary(sign())
    >>> tx.update(jnp.array([3 - 4j]), tx.init(jnp.array([0j])))[0]
    Array([1.-1.j], dtype=complex64)
    """

    inner: GradientTransformation = nested(state="inner_state", doc="the transformation $T$ of real leaves")

    def inward(self, tree: Any) -> Any:
        def split(leaf: Any) -> Any:
            if not (is_inexact(leaf) and jnp.iscomplexobj(leaf)):
                return leaf
            leaf = jnp.asarray(leaf)
            return SplitRealAndImaginaryArrays(leaf.real, leaf.imag)

        return jax.tree.map(split, tree)

    def outward(self, converted: Any, like: Any) -> Any:
        leaves, treedef = leaves_of(like)

        def joined(leaf: Any, own: Any) -> Any:
            pair = is_inexact(leaf) and jnp.iscomplexobj(leaf)
            return jax.lax.complex(*own) if pair else own

        own = treedef.flatten_up_to(converted)
        return treedef.unflatten([joined(*pair) for pair in zip(leaves, own, strict=True)])

    def own(self, inner: OptState) -> SplitRealAndImaginaryState:
        return SplitRealAndImaginaryState(inner)

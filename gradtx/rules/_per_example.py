"""Gradients of single examples, each shortened to a bound, and their sum."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from gradtx.arithmetic import AxisName, norm, shortening
from gradtx.tree import as_scalar, is_inexact, map_leaves, widened


def per_example_global_norm_clip(grads: Any, l2_norm_clip: ArrayLike) -> tuple[Any, Array]:
    r"""The sum of the gradients of single examples, each shortened to a bound over all leaves.

    $$\sum_{i=1}^B \min\!\Big(1, \frac{C}{\|g_i\|}\Big)\,g_i$$

    `differentially_private_aggregate` adds noise to this sum. An example whose norm is not finite counts as
    zeros.

    Args:
      grads: a tree of gradients with the examples along their first axis, as `jax.vmap(jax.grad(loss))` gives
        them.
      l2_norm_clip: $C$.

    Returns:
      The sum, in float32 or wider, and the number of examples that are shortened, in int32.

    Raises:
      ValueError: if the first axes of the leaves differ in length, or there are no examples.

    **Reference**: Abadi et al. (2016), *Deep Learning with Differential Privacy*, arXiv:1607.00133,
    algorithm 1.

    >>> total, shortened = per_example_global_norm_clip(jnp.array([[3.0, 4.0], [0.2, 0.0]]), 1.0)
    >>> print(total, shortened)
    [0.8 0.8] 1
    """
    factors = example_factors("per_example_global_norm_clip", grads, as_scalar(l2_norm_clip))
    return _sum_with(factors, grads), jnp.sum(factors < 1)


def per_example_layer_norm_clip(
    grads: Any, global_l2_norm_clip: ArrayLike, uniform: bool = True
) -> tuple[Any, Any]:
    r"""The sum of the gradients of single examples, each leaf of which is shortened to a bound of its own.

    $$\sum_{i=1}^B \min\!\Big(1, \frac{C_l}{\|g_{il}\|}\Big)\,g_{il}, \qquad
      C_l = \frac{C}{\sqrt L} \quad\text{or}\quad C \sqrt{\frac{d_l}{d}}$$

    for each leaf $l$ of $L$, with $d_l$ of the $d$ parameters: the bounds together are $C$. A leaf of an
    example whose norm is not finite counts as zeros.

    Args:
      grads: a tree of gradients with the examples along their first axis.
      global_l2_norm_clip: $C$, the bound over all leaves.
      uniform: whether all leaves have one bound, $C / \sqrt L$.

    Returns:
      The sums, in float32 or wider, and for each leaf the number of examples that are shortened, in int32.

    Raises:
      ValueError: if the first axes of the leaves differ in length, or there are no examples.

    **Reference**: McMahan et al. (2018), *Learning Differentially Private Recurrent Language Models*,
    arXiv:1710.06963, section 3.

    >>> grads = {"a": jnp.array([[8.0]]), "b": jnp.array([[0.5, 0.0, 0.0]])}
    >>> total, shortened = per_example_layer_norm_clip(grads, 2.0, uniform=False)
    >>> print(total["a"], shortened["a"], total["b"], shortened["b"])
    [1.] 1 [0.5 0.  0. ] 0
    """
    who, bound = "per_example_layer_norm_clip", as_scalar(global_l2_norm_clip)
    example_factors(who, grads, bound)  # refuses leaves that differ in the number of examples
    sizes = [math.prod(jnp.shape(g)[1:]) for g in jax.tree.leaves(grads) if is_inexact(g)]

    def of_leaf(g: Any) -> tuple[Any, Any]:
        if not is_inexact(g):
            return of_one_example(g), jnp.zeros((), jnp.int32)
        share = 1 / len(sizes) if uniform else math.prod(g.shape[1:]) / max(sum(sizes), 1)
        factors = example_factors(who, g, bound * share**0.5)
        return _sum_with(factors, g), jnp.sum(factors < 1)

    pairs = [of_leaf(g) for g in jax.tree.leaves(grads)]
    treedef = jax.tree.structure(grads)
    return treedef.unflatten([total for total, _ in pairs]), treedef.unflatten([count for _, count in pairs])


def example_factors(who: str, grads: Any, bound: Any, axis_name: AxisName = None) -> Array:
    """The factor of each example, which shortens it to the bound: 0 where its norm is not finite."""
    leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(grads) if is_inexact(leaf)]
    examples = {leaf.shape[:1] for leaf in leaves}
    if len(examples) > 1 or () in examples:
        raise ValueError(
            f"{who}: every leaf must have the examples as its first axis, got the "
            f"shapes {', '.join(str(leaf.shape) for leaf in leaves)}. Take gradients under jax.vmap."
        )
    if (0,) in examples:
        raise ValueError(f"{who}: there are no examples.")
    parts = [_lengths(g.astype(widened(g.dtype)), axis_name).astype(float) for g in leaves]
    lengths = norm(jnp.stack([*parts, jnp.zeros_like(parts[0])]), 0) if parts else jnp.zeros(())
    return jnp.where(jnp.isfinite(lengths), shortening(lengths, bound), 0.0)


def _lengths(g: Array, axis_name: AxisName) -> Array:
    """The norm of each example."""
    return norm(g, tuple(range(1, g.ndim)), axis_name=axis_name)


def of_one_example(g: Any) -> Any:
    """The shape and the sharding of one example, in the dtype of sums; `float0` for other leaves."""
    if not is_inexact(g):
        return np.zeros(g.shape[1:], jax.dtypes.float0)
    return jax.eval_shape(lambda g: jnp.sum(g, axis=0, dtype=widened(g.dtype)), g)


def sum_of_shortened(g: Array, factors: Array) -> Array:
    """The sum of the examples with their factors; an example with the factor 0 may be infinite or NaN."""
    factors = jnp.expand_dims(factors, tuple(range(1, g.ndim)))
    return jnp.sum(factors * jnp.where(factors > 0, g, 0), axis=0)


def _sum_with(factors: Array, grads: Any) -> Any:
    """The sum of each leaf over the examples."""
    sums = map_leaves(
        sum_of_shortened, grads, factors=jax.tree.map(lambda g: factors, grads), same_shape=False
    )
    return jax.tree.map(lambda g, total: total if is_inexact(g) else of_one_example(g), grads, sums)

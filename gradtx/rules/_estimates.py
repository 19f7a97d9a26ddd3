"""Estimates of the diagonal of a Hessian, each from one random draw."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import abs_squared
from gradtx.tree import MaskedNode, is_inexact, is_placeholder, map_leaves, widened


def along_direction(loss: Callable[[Any], Any], params: Any, draw_direction: Callable[[Any], Any]) -> Any:
    """u * (H u), where H is the Hessian of `loss` and u a direction.

    With E[u u'] = I its mean is the diagonal of H. H u is the derivative of the gradient along u, taken in
    forward mode of a gradient in reverse mode.
    """
    theta, f = _of_differentiable(loss, params)
    u = draw_direction(theta)
    _, hessian_u = jax.jvp(jax.grad(f), (theta,), (u,))
    return map_leaves(_real_product, u, hessian_u=hessian_u)


def of_drawn_labels(
    logits_fn: Callable[[Any], Array], params: Any, draw_labels: Callable[[Array], Array]
) -> Any:
    """B * g * g, where g is the gradient of the mean cross-entropy of B labels.

    With labels drawn from softmax(logits) its mean is the diagonal of the Gauss-Newton matrix. The
    derivative of a label's cross-entropy by the logits is softmax(logits) - one_hot(label). Divided by the
    root of B instead of by B, it leads to a gradient whose square is the estimate.
    """
    theta, f = _of_differentiable(logits_fn, params)
    logits, pull_back = jax.vjp(f, theta)
    wide = logits.astype(widened(logits.dtype))
    labels = draw_labels(wide)
    residual = jax.nn.softmax(wide) - jax.nn.one_hot(labels, wide.shape[-1], dtype=wide.dtype)
    (root_b_g,) = pull_back((residual / max(labels.size, 1) ** 0.5).astype(logits.dtype))
    return map_leaves(_mean_square, root_b_g)


def _of_differentiable(function: Callable[[Any], Any], params: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The differentiable leaves of `params`, and `function` of them with the others held fixed."""
    theta = jax.tree.map(lambda leaf: leaf if is_inexact(leaf) else MaskedNode(), params)

    def whole(theta: Any) -> Any:
        return jax.tree.map(
            lambda new, old: old if is_placeholder(new) else new, theta, params, is_leaf=is_placeholder
        )

    return theta, lambda theta: function(whole(theta))


def _real_product(u: Array, hessian_u: Array) -> Array:
    """u * (H u); of a complex leaf the mean over both parts, since JAX's gradient is a conjugate."""
    return (u * hessian_u).real


def _mean_square(g: Array) -> Array:
    """g * g; of a complex leaf the mean over both parts."""
    return abs_squared(g) * (0.5 if jnp.iscomplexobj(g) else 1.0)

"""Evaluations of a function of parameters: its value, its gradient, and its slope along a direction."""

from collections.abc import Callable
from functools import partial
from inspect import Parameter, signature
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import Partial

from gradtx.core import Params, Updates
from gradtx.tree import MaskedNode, is_function, is_inexact, match, widened


def as_argument(function: Callable[..., Any], **extra: Any) -> Callable[[Params], Any]:
    """`function` with the extra arguments that its signature names, as an argument of a compiled program.

    The arrays that a `functools.partial` has are arguments of the program: other ones do not retrace.
    """
    taken = _taken(function, extra)
    if isinstance(function, partial) and not isinstance(function, Partial):
        return Partial(function.func, *function.args, **{**function.keywords, **taken})
    return Partial(function, **taken) if taken or is_function(function) else function


def _taken(function: Callable[..., Any], extra: dict[str, Any]) -> dict[str, Any]:
    after_params = list(signature(function).parameters.values())[1:]
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in after_params):
        return extra
    names = {parameter.name for parameter in after_params}
    return {name: value for name, value in extra.items() if name in names}


def value_at(function: Callable[[Params], Any], params: Params) -> Array:
    """The value of `function` in the default float dtype."""
    return as_number(function(params))


def value_and_grad_at(
    function: Callable[[Params], Any], params: Params, like: Updates = None
) -> tuple[Array, Updates]:
    """The value of `function` in the default float dtype, and its gradient in float32 or wider.

    The gradient has a `MaskedNode` at each leaf that is not floating-point, or the placeholders of `like`, a
    gradient that was given.
    """
    leaves, treedef = jax.tree.flatten(params)
    places = [place for place, leaf in enumerate(leaves) if is_inexact(leaf)]

    def of_moving(moving: list[Any]) -> Array:
        for place, leaf in zip(places, moving, strict=True):
            leaves[place] = leaf
        return as_number(function(treedef.unflatten(leaves)))

    moving = [jnp.asarray(leaves[place]) for place in places]
    value, slopes = jax.value_and_grad(of_moving)(moving)
    found: list[Any] = [MaskedNode()] * len(leaves)
    for place, leaf in zip(places, slopes, strict=True):
        found[place] = leaf.astype(widened(leaf.dtype))
    grad = treedef.unflatten(found)
    return value, grad if like is None else _with_placeholders_of(like, grad)


def _with_placeholders_of(like: Updates, grad: Updates) -> Updates:
    leaves, (beside,), treedef = match(like, grad=grad)
    return treedef.unflatten(
        [new if is_inexact(old) else old for old, new in zip(leaves, beside, strict=True)]
    )


def as_number(value: Any) -> Array:
    """The value of a function as one number.

    Raises:
      ValueError: for an array.
    """
    value = jnp.asarray(value)
    if value.shape:
        raise ValueError(
            f"A search takes functions with one number as the value, got the shape {value.shape}."
        )
    return value.real.astype(float)


def as_stored(grad: Updates) -> Updates:
    """A gradient as in a state: in float32 or wider, a `MaskedNode` where it is not floating-point."""

    def stored(leaf: Any) -> Any:
        return jnp.asarray(leaf).astype(widened(jnp.result_type(leaf))) if is_inexact(leaf) else MaskedNode()

    return jax.tree.map(stored, grad)


def slope_along(updates: Updates, grad: Updates) -> Array:
    r"""The derivative along the updates, $\operatorname{Re} \sum u\,g$, for a gradient from `jax.grad`."""
    leaves, (beside,), _ = match(updates, grad=grad)
    with jax.numpy_dtype_promotion("standard"):
        terms = [
            jnp.sum((_wide(u) * _wide(g)).real).astype(float)
            for u, g in zip(leaves, beside, strict=True)
            if is_inexact(u)
        ]
    return sum(terms, jnp.zeros((), float))


def _wide(leaf: Any) -> Array:
    return jnp.asarray(leaf).astype(widened(jnp.result_type(leaf)))

"""The words for arguments of an update that cannot be meant."""

import warnings
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.tree_util import keystr, tree_leaves_with_path

from gradtx.tree import is_inexact, is_integer, nearest, outline


def refuse_none(updates: Any) -> None:
    """Raises for `None` in the place of the gradients.

    Raises:
      ValueError: for `None`, and not for a tree in which `None` stands for a leaf.
    """
    if updates is None:
        raise ValueError(
            "The gradients are None, expected a tree in the parameters' structure: update(gradients, state, "
            "params).\nDoes the function that computes them return them? A leaf of the tree may be None."
        )


def warn_of_nothing(leaves: Iterable[Any], updates: Any, params: Any) -> None:
    """Warns where no gradient can move a parameter: all are `None`, or all that are not `None` are integers.

    Args:
      leaves: the leaves of the gradients, `None` among them.
      updates: the gradients.
      params: the parameters, or `None`.
    """
    kinds: set[bool] = set()
    for leaf in leaves:
        if not (leaf is None or is_integer(leaf)):  # nearly always the first
            return
        kinds.add(leaf is None)
    if False in kinds:
        warnings.warn(_all_integers(updates), stacklevel=4)
    elif kinds and any(map(is_inexact, jax.tree.leaves(params))):
        warnings.warn(
            "All gradients are None, and the parameters have floating-point leaves: nothing moves.\nWas the "
            "loss differentiated with respect to other parameters, or does a filter leave out every leaf?",
            stacklevel=4,
        )


def _all_integers(updates: Any) -> str:
    path, first = next((path, leaf) for path, leaf in tree_leaves_with_path(updates) if is_integer(leaf))
    return (
        f"All gradients are integers, the first {outline(first)} at {keystr(path) or 'the root'}: nothing "
        "moves, since no optimizer moves an integer.\nMake the parameters floats before init, as in "
        "p.astype(jnp.float32)."
    )


def gone_array(who: str, **trees: Any) -> RuntimeError | None:
    """The error for the first array in `trees` that was donated or deleted; `None` without one.

    Args:
      who: the name of the call in the message.
      **trees: the arguments of the call, by name.
    """
    for name, tree in trees.items():
        for path, leaf in tree_leaves_with_path(tree):
            if isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer) and leaf.is_deleted():
                return RuntimeError(
                    f"{who}: the array {name}{keystr(path)} was donated: an earlier step took it and reused "
                    "its memory, a Stepper or a jax.jit with donate_argnums.\n"
                    "Train on with the params and the state that this step returned. To keep the old ones, "
                    "give it copies, as in jax.tree.map(jnp.copy, params)."
                )
    return None


def missing(who: Iterable[str], name: str, extra: Iterable[str]) -> ValueError:
    """The error for the argument `name` of `update`, which the transformations `who` need.

    Args:
      who: the names of transformations, each in the one after it.
      name: the name of the argument.
      extra: the names of the arguments that were passed, one of which may be a misspelling.
    """
    passed = "params" if name == "params" else f"{name}=..."
    meant = "".join(f" Is it {word!r} here?" for word in extra if nearest(word, [name]))
    if name != "params" and not extra:
        meant = "\noptax.chain drops such arguments: use gradtx.chain, or to_optax(tx) in optax.chain."
    return ValueError(f"{' in '.join(who)} needs {name!r}: call update(updates, state, {passed}).{meant}")


def undefined(who: str) -> TypeError:
    """The error for a subclass of `GradientTransformation` without `apply`."""
    return TypeError(
        f"{who} does not define apply(updates, state, params=None, **extra). A pair of functions needs no "
        "class of its own: GradientTransformation(init, update) makes a transformation of it."
    )


def unmapped(who: str, shape: tuple[int, ...], method: str, arguments: str) -> ValueError:
    """The error for a method of a stack of optimizers that is called without `jax.vmap`."""
    axes = "0, axes, 0), out_axes=(0, axes)" if method == "update" else "None), out_axes=axes"
    return ValueError(
        f"{who}.{method}: this is a stack of optimizers of the shape {shape}. "
        "Map over its members, with one jax.vmap for each axis:\n"
        "  axes = gradtx.state_axes(tx, params)  # of the parameters of one member\n"
        f"  {method} = jax.vmap(lambda tx, {arguments}: tx.{method}({arguments}),\n"
        f"    in_axes=(0, {axes})\n"
        f"  {method}(tx, {arguments})"
    )


def as_loss(who: str, value: Any) -> jax.Array:
    """The extra argument `value`, in the default float dtype.

    Args:
      who: the name of the transformation in the message.
      value: the loss, a number.

    Raises:
      ValueError: for an array of another rank than 0.
    """
    loss = jnp.asarray(value)
    if loss.shape:
        raise ValueError(f"{who}: value= must be one number, the loss, got an array of shape {loss.shape}.")
    return loss.real.astype(float)

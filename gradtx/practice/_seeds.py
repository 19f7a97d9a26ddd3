"""Seeds: for each one the initial parameters, and the order of the batches."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.core import Params, whole_number
from gradtx.tree import is_function, outline


def seeds_of(seeds: Any) -> tuple[int, ...] | None:
    """The seeds as a tuple: of a number n they are 0 to n - 1.

    Raises:
      ValueError: for anything else than a number of seeds, or a list of them.
    """
    if seeds is None:
        return None
    if isinstance(seeds, Iterable):
        listed = tuple(seeds)
        if not listed:
            raise ValueError("seeds: there is none.")
        return tuple(whole_number("a seed", seed, 0) for seed in listed)
    return tuple(range(whole_number("seeds", seeds, 1)))


def order_of(steps: int, count: int) -> Array:
    """The indices of `count` batches in turn, for a number of steps."""
    return jnp.arange(steps, dtype=jnp.int32) % count


def orders_of(seeds: tuple[int, ...], steps: int, count: int) -> Array:
    """For each seed, the indices of the batches in an order of its own, which repeats after `count` steps."""

    def one(seed: Array) -> Array:
        key = jax.random.fold_in(jax.random.key(seed), 1)
        return jax.random.permutation(key, count)[order_of(steps, count)].astype(jnp.int32)

    return jax.vmap(one)(jnp.array(seeds))


def params_of(params: Any, seeds: tuple[int, ...] | None) -> tuple[Params, int | None]:
    """The initial parameters, and their axis of seeds: those of a function of a key differ between seeds.

    Raises:
      ValueError: for a function without seeds.
    """
    if not is_function(params):
        return params, None
    if seeds is None:
        raise ValueError(
            f"params: {outline(params)} makes parameters from a key, and there are no seeds. "
            "Give seeds=, or the parameters themselves."
        )
    return jax.vmap(lambda seed: params(jax.random.key(seed)))(jnp.array(seeds)), 0

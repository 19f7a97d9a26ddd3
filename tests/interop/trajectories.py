"""Two optimizers on the same parameters and gradients, step by step."""

from collections.abc import Iterator
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

STEPS = 6


def some_params() -> Any:
    return {"w": jnp.array([[0.5, -1.0], [2.0, 0.25]]), "b": jnp.array([1.0, -3.0])}


def gradients_at(step: int, params: Any) -> Any:
    """Gradients that differ at every step and in every element."""
    return jax.tree.map(lambda p: jnp.sin(p * (step + 1.3)) + 0.1, params)


def value_at(step: int) -> float:
    return 3.0 / (step + 1)


def trajectory(tx: Any, **extra: Any) -> Iterator[tuple[Any, Any, Any]]:
    """The updates, parameters and state after each step; extra arguments are functions of the step."""
    params = some_params()
    state = tx.init(params)
    update = jax.jit(tx.update)
    for step in range(STEPS):
        given = {name: argument(step) for name, argument in extra.items()}
        updates, state = update(gradients_at(step, params), state, params, **given)
        params = optax.apply_updates(params, updates)
        yield updates, params, state


def assert_same_trajectory(ours: Any, theirs: Any, **extra: Any) -> None:
    """Both give the same updates at every step, and they do move.

    Optax forms 1 - b2**t by subtraction, which at b2 = 0.999 magnifies the rounding of float64 to 1e-13;
    a few such errors follow each other.
    """
    moved = 0.0
    for (got, _, _), (expected, _, _) in zip(
        trajectory(ours, **extra), trajectory(theirs, **extra), strict=True
    ):
        chex.assert_trees_all_equal_dtypes(got, expected)
        chex.assert_trees_all_close(got, expected, rtol=1e-11, atol=1e-13)
        moved += float(optax.tree.norm(expected))
    assert moved > 1e-3

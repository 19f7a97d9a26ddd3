"""Training with faults: gradients, one of them spoiled, and the run on them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gradtx

PARAMS = {"layer": {"kernel": jnp.ones((3, 2)), "bias": jnp.zeros(2)}, "gain": jnp.array(1.0)}
STEPS = 40


def clean_gradients() -> list[Any]:
    draw = np.random.default_rng(0)
    return [
        jax.tree.map(lambda p: jnp.asarray(1 + 0.1 * draw.standard_normal(p.shape), p.dtype), PARAMS)
        for _ in range(STEPS)
    ]


def spoiled(tree: Any, bad: float) -> Any:
    """With one element of the kernel replaced."""
    kernel = tree["layer"]["kernel"].at[1, 0].set(bad)
    return {**tree, "layer": {**tree["layer"], "kernel": kernel}}


def train(tx: Any, steps: list[Any], values: list[float] | None = None) -> tuple[Any, Any]:
    """Parameters and state after all steps."""
    values_ = jnp.ones(len(steps)) if values is None else jnp.asarray(values)

    def step(carry: Any, at: Any) -> Any:
        params, state = carry
        g, value = at
        updates, state = tx.update(g, state, params, value=value)
        return (gradtx.apply_updates(params, updates), state), None

    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *steps)
    return jax.jit(lambda: jax.lax.scan(step, (PARAMS, tx.init(PARAMS)), (stacked, values_))[0])()


def assert_same(one: Any, other: Any) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), one, other)

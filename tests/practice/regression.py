"""A small regression: a network of two layers, with batches of data."""

from typing import Any

import jax
import jax.numpy as jnp

STEPS = 8


def loss_fn(params: Any, batch: Any) -> Any:
    inputs, targets = batch
    hidden = jnp.tanh(inputs @ params["kernel"] + params["bias"][None])
    return jnp.mean((hidden @ params["out"] - targets) ** 2)


def init(key: Any) -> Any:
    kernel, out = jax.random.split(key)
    return {
        "kernel": 0.5 * jax.random.normal(kernel, (4, 6)),
        "bias": jnp.zeros(6),
        "out": 0.3 * jax.random.normal(out, (6, 2)),
    }


def batches(steps: int = STEPS) -> Any:
    inputs, noise = jax.random.split(jax.random.key(1))
    x = jax.random.normal(inputs, (steps, 16, 4))
    y = jnp.stack([jnp.sin(x[..., 0]), x[..., 1] * x[..., 2]], -1)
    return x, y + 0.1 * jax.random.normal(noise, y.shape)


PARAMS = init(jax.random.key(0))

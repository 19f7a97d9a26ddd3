"""A regression small enough for every test, its optimizer, and its run in plain JAX."""

import functools
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

import gradtx

STEPS = 60
HIDDEN = 8


def data() -> tuple[jax.Array, jax.Array]:
    """32 points of a smooth function of 3 numbers."""
    inputs = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
    targets = np.sin(inputs[:, :1]) + 0.5 * inputs[:, 1:2] * inputs[:, 2:]
    return jnp.asarray(inputs), jnp.asarray(targets)


def initial_params() -> Any:
    draw = np.random.default_rng(1)
    return {
        "hidden": {"kernel": _normal(draw, 3, HIDDEN), "bias": jnp.zeros(HIDDEN)},
        "out": {"kernel": _normal(draw, HIDDEN, 1), "bias": jnp.zeros(1)},
    }


def predict(params: Any, inputs: jax.Array) -> jax.Array:
    hidden = jnp.tanh(_dense(params["hidden"], inputs))
    return _dense(params["out"], hidden)


def squared_error(predictions: jax.Array, targets: jax.Array) -> jax.Array:
    return jnp.mean((predictions - targets) ** 2)


def loss(params: Any, inputs: jax.Array, targets: jax.Array) -> jax.Array:
    return squared_error(predict(params, inputs), targets)


def schedule(peak: Any = 0.1) -> gradtx.Schedule:
    return gradtx.warmup_cosine_decay_schedule(
        0.1 * peak, peak, warmup_steps=5, decay_steps=STEPS, end_value=0.05 * peak
    )


def optimizer(learning_rate: Any = None) -> gradtx.GradientTransformation:
    """AdamW behind clipping, with weight decay on the kernels alone, and by default a schedule."""
    return gradtx.chain(
        gradtx.clip_by_global_norm(1.0),
        gradtx.adamw(
            schedule() if learning_rate is None else learning_rate,
            weight_decay=0.01,
            mask=gradtx.except_bias_norm_embedding,
        ),
    )


def train(tx: gradtx.GradientTransformation, params: Any, steps: int = STEPS) -> tuple[list[float], Any]:
    """The plain loop: the loss before each step, and the parameters after the last."""

    @jax.jit
    def step(params: Any, state: Any) -> tuple[Any, Any, jax.Array]:
        value, gradients = jax.value_and_grad(loss)(params, *data())
        updates, state = tx.update(gradients, state, params)
        return gradtx.apply_updates(params, updates), state, value

    state, losses = tx.init(params), []
    for _ in range(steps):
        params, state, value = step(params, state)
        losses.append(float(value))
    return losses, params


@functools.cache
def reference_run() -> tuple[list[float], Any]:
    """The run that every framework must repeat."""
    return train(optimizer(), initial_params())


def assert_same_run(losses: Any, params: Any) -> None:
    """The losses and the last parameters are those of the reference run, but for float32 roundings.

    Different programs round differently, and training carries that on for all its steps: the frameworks
    differ by up to 4e-6 here.
    """
    expected_losses, expected_params = reference_run()
    np.testing.assert_allclose(np.asarray(losses), expected_losses, rtol=5e-5)
    chex.assert_trees_all_close(params, expected_params, rtol=5e-5, atol=1e-5)


def _normal(draw: np.random.Generator, rows: int, columns: int) -> jax.Array:
    return jnp.asarray(draw.normal(size=(rows, columns)) / np.sqrt(rows), jnp.float32)


def _dense(layer: Any, inputs: jax.Array) -> jax.Array:
    return inputs @ layer["kernel"] + layer["bias"][None, :]

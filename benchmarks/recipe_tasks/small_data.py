"""Small data: a regression without noise, and a differential equation."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.range_test import network
from benchmarks.recipe_tasks.task import Task, layers


def regression() -> Task:
    """A random network on 64 points, by one of twice its width."""
    teacher = layers((4, 8, 1), jax.random.key(40))
    x = jax.random.normal(jax.random.key(41), (576, 4))
    y = network(teacher, x)[:, 0]

    def loss_fn(params: Any, batch: Any) -> Any:
        return _smooth_error(params, (x[:64], y[:64])) + 0 * jnp.sum(batch)

    def init(key: Any) -> Any:
        return layers((4, 16, 1), key)

    return Task(loss_fn, init, jnp.zeros((1, 1)), lambda p: loss_fn(p, jnp.zeros(1)), 64, 150)


def _smooth(params: Any, x: Any) -> Any:
    *hidden, last = params
    for layer in hidden:
        x = jnp.tanh(x @ layer["kernel"] + layer["bias"])
    return x @ last["kernel"] + last["bias"]


def _smooth_error(params: Any, batch: Any) -> Any:
    x, y = batch
    return jnp.mean((_smooth(params, x)[:, 0] - y) ** 2)


def oscillator() -> Task:
    """The damped oscillator u'' + u' + 9 u = 0 with u(0) = 1 and u'(0) = 0, by its residual."""
    times = jnp.linspace(0.0, 2.0, 50)

    def loss_fn(params: Any, batch: Any) -> Any:
        def u(t: Any) -> Any:
            return 1 + t**2 * _smooth(params, t[None])[0]  # right at the beginning

        def residual(t: Any) -> Any:
            return jax.grad(jax.grad(u))(t) + jax.grad(u)(t) + 9 * u(t)

        return jnp.mean(jax.vmap(residual)(times) ** 2) + 0 * jnp.sum(batch)

    init = partial(layers, (1, 16, 16, 1))
    return Task(loss_fn, init, jnp.zeros((1, 1)), lambda p: loss_fn(p, jnp.zeros(1)), 50, 150)

"""Generators of points: a GAN and a denoiser."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.range_test import network
from benchmarks.recipe_tasks.task import Task, keys, layers


def curve(key: Any, count: int) -> Any:
    """Points near a curve in two dimensions."""
    t, noise = jax.random.split(key)
    t = jax.random.uniform(t, (count,), minval=-2.0, maxval=2.0)
    return jnp.stack([t, jnp.sin(2 * t)], 1) + 0.1 * jax.random.normal(noise, (count, 2))


def blobs(key: Any, count: int) -> Any:
    """Points of a mixture of five normal distributions in four dimensions."""
    which, noise = jax.random.split(key)
    centers = 1.5 * jax.random.normal(jax.random.key(30), (5, 4))
    return centers[jax.random.randint(which, (count,), 0, 5)] + 0.3 * jax.random.normal(noise, (count, 4))


def _distance(a: Any, b: Any) -> Any:
    """The energy distance of two samples, which is 0 for equal distributions."""

    def mean(x: Any, y: Any) -> Any:
        return jnp.mean(jnp.sqrt(jnp.sum((x[:, None] - y[None]) ** 2, -1) + 1e-9))

    return 2 * mean(a, b) - mean(a, a) - mean(b, b)


def gan(draw: Callable[[Any, int], Any], width: int) -> Task:
    """A generator and a discriminator that train at the same time, at one rate."""

    def loss_fn(params: Any, key: Any) -> Any:
        real, latent = jax.random.split(key)
        real = draw(real, 64)
        fake = network(params["generator"], jax.random.normal(latent, (64, 4)))
        still = jax.lax.stop_gradient
        judge = jnp.mean(jax.nn.softplus(-network(params["judge"], real)))
        judge += jnp.mean(jax.nn.softplus(network(params["judge"], still(fake))))
        return judge + jnp.mean(jax.nn.softplus(-network(still(params["judge"]), fake)))

    def init(key: Any) -> Any:
        one, other = jax.random.split(key)
        return {"generator": layers((4, 32, 32, width), one), "judge": layers((width, 32, 32, 1), other)}

    real = draw(jax.random.key(31), 1024)
    latent = jax.random.normal(jax.random.key(32), (1024, 4))
    return Task(loss_fn, init, keys(33), lambda params: _distance(network(params["generator"], latent), real))


def denoiser(draw: Callable[[Any, int], Any], width: int) -> Task:
    """A network that finds the noise in a point, given its share."""

    def loss_fn(params: Any, key: Any, count: int = 64) -> Any:
        begin, noise, time = jax.random.split(key, 3)
        t = jax.random.uniform(time, (count, 1))
        noise = jax.random.normal(noise, (count, width))
        x = jnp.cos(jnp.pi / 2 * t) * draw(begin, count) + jnp.sin(jnp.pi / 2 * t) * noise
        return jnp.mean((network(params, jnp.concatenate([x, t, t**2], 1)) - noise) ** 2)

    return Task(
        loss_fn,
        partial(layers, (width + 2, 64, 64, width)),
        keys(35),
        lambda params: loss_fn(params, jax.random.key(34), 8192),
    )

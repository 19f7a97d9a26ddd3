"""Images: patterns at random places, and textures."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gradtx
from benchmarks.recipe_tasks.task import STEPS, Task, on


def _convolutions(key: Any) -> Any:
    keys = jax.random.split(key, 3)
    conv = [jax.random.normal(k, (3, 3, m, n)) * (2 / (9 * m)) ** 0.5 for k, m, n in
            zip(keys, (1, 8), (8, 16), strict=False)]  # fmt: skip
    norm = [{"scale": jnp.ones(n), "bias": jnp.zeros(n)} for n in (8, 16)]
    head = {"kernel": 0.1 * jax.random.normal(keys[2], (16, 8)), "bias": jnp.zeros(8)}
    return {"conv": conv, "norm": norm, "head": head}


def _convolved(x: Any, kernel: Any, stride: int) -> Any:
    """A convolution as a product of matrices, which is fast for many members at once."""
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    size = x.shape[1]
    shifted = [padded[:, i : i + size : stride, j : j + size : stride] for i in range(3) for j in range(3)]
    return jnp.concatenate(shifted, -1) @ kernel.reshape(-1, kernel.shape[-1])


def _classify(params: Any, x: Any) -> Any:
    for stride, kernel, norm in zip((1, 2), params["conv"], params["norm"], strict=True):
        x = _convolved(x, kernel, stride)
        x = (x - x.mean((0, 1, 2), keepdims=True)) / (x.std((0, 1, 2), keepdims=True) + 1e-3)
        x = jax.nn.relu(x * norm["scale"][None, None, None] + norm["bias"][None, None, None])
    return x.mean((1, 2)) @ params["head"]["kernel"] + params["head"]["bias"][None]


def image_loss(params: Any, batch: Any) -> Any:
    """The cross-entropy of a network with two convolutions and batch normalization."""
    x, labels = batch
    return jnp.mean(gradtx.softmax_cross_entropy_with_integer_labels(_classify(params, x), labels))


def _images(draw: Callable[..., Any], batch_size: int) -> Task:
    evaluate = on(image_loss, draw(np.random.default_rng(11), 1024))
    batches = draw(np.random.default_rng(12), STEPS, batch_size)
    return Task(image_loss, _convolutions, batches, evaluate, batch_size)


def patterns(batch_size: int = 64) -> Task:
    """Eight patterns of 4 by 4 at random places of an image of 8 by 8, with noise."""
    shapes = np.random.default_rng(13).standard_normal((8, 4, 4))

    def draw(random: Any, *shape: int) -> Any:
        labels = random.integers(8, size=shape)
        x = 0.8 * random.standard_normal((*shape, 8, 8))
        for place in np.ndindex(*shape):
            i, j = random.integers(5, size=2)
            x[place][i : i + 4, j : j + 4] += shapes[labels[place]]
        return jnp.asarray(x[..., None], jnp.float32), jnp.asarray(labels)

    return _images(draw, batch_size)


def textures(batch_size: int = 64) -> Task:
    """Waves of eight directions and a random phase, with noise."""

    def draw(random: Any, *shape: int) -> Any:
        labels = random.integers(8, size=shape)
        angle = (np.pi * labels / 8)[..., None, None]
        i, j = np.meshgrid(np.arange(8), np.arange(8))
        phase = random.uniform(0, 2 * np.pi, size=(*shape, 1, 1))
        waves = np.sin(1.5 * (np.cos(angle) * i + np.sin(angle) * j) + phase)
        x = waves + 1.0 * random.standard_normal(waves.shape)
        return jnp.asarray(x[..., None], jnp.float32), jnp.asarray(labels)

    return _images(draw, batch_size)

"""Classes of points, from scratch, and other ones after a pretraining."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.range_test import cross_entropy
from benchmarks.recipe_tasks.task import FEW, STEPS, Task, layers, of_seed, on, pretrained


def _points(centers: Any, labels: Any, noise: float, seed: int, *shape: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    index = random.integers(len(labels), size=shape)
    x = np.asarray(centers)[index] + noise * random.standard_normal((*shape, 32))
    return jnp.asarray(x, jnp.float32), jnp.asarray(np.asarray(labels)[index])


CENTERS = np.random.default_rng(2).standard_normal((40, 32))


def points(batch_size: int = 64) -> Task:
    """Ten classes of points, four centers each: a network with two hidden layers of 64."""
    draw = partial(_points, CENTERS, np.arange(40) % 10, 1.0)
    evaluate = on(cross_entropy, draw(1, 4096))
    init = partial(layers, (32, 64, 64, 10))
    return Task(cross_entropy, init, draw(0, STEPS, batch_size), evaluate, batch_size)


def other_classes() -> Task:
    """The network of `points` with a new head, on moved centers with the labels of another partition."""
    moved = CENTERS + 0.3 * np.random.default_rng(3).standard_normal((40, 32))
    draw = partial(_points, moved, np.arange(40) // 4 % 10, 1.0)
    params = pretrained(points)

    def init(key: Any) -> Any:
        (head,) = layers((64, 10), key)
        return [*of_seed(params, key)[:-1], jax.tree.map(lambda x: 0.1 * x, head)]

    evaluate = on(cross_entropy, draw(5, 4096))
    return Task(cross_entropy, init, draw(4, FEW, 8), evaluate, 8, 1200, new="^2/")

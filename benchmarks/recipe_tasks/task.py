"""A task for the recipes, and the parts that several share."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gradtx import practice

STEPS = 300
FEW = 100  # batches for fine-tuning, which repeat


class Task(NamedTuple):
    """A loss, initial parameters as a function of a key, batches, an evaluation, sizes, new leaves."""

    loss_fn: Callable[[Any, Any], Any]
    init: Callable[[Any], Any]
    batches: Any
    eval_fn: Callable[[Any], Any]
    batch_size: int = 64
    steps: int = STEPS
    new: str | None = None


def layers(widths: tuple[int, ...], key: Any) -> list[dict[str, Any]]:
    """Layers with the initialization of He."""
    pairs = list(pairwise(widths))
    return [
        {"kernel": jax.random.normal(own, (m, n)) * (2 / m) ** 0.5, "bias": jnp.zeros(n)}
        for own, (m, n) in zip(jax.random.split(key, len(pairs)), pairs, strict=True)
    ]


def on(loss_fn: Callable[..., Any], batch: Any) -> Callable[[Any], Any]:
    """The loss on one batch. `train` would take the arrays in a `partial` for arguments."""
    return lambda params: loss_fn(params, batch)


def keys(seed: int) -> Any:
    """A key for each step, as the batch of a task that draws its data."""
    return jax.random.split(jax.random.key(seed), STEPS)


@cache
def pretrained(make: Callable[[], Task]) -> Any:
    """The parameters after a pretraining from three seeds."""
    task = make()
    tx = practice.recipe("llm-pretraining", jax.eval_shape(task.init, jax.random.key(0)), steps=1500)
    return practice.train(task.loss_fn, task.init, tx, task.batches, steps=1500, seeds=3).params


def of_seed(params: Any, key: Any) -> Any:
    """The pretrained parameters for a key, which has its seed in its last number."""
    index = jax.random.key_data(key)[-1] % 3
    return jax.tree.map(lambda x: x[index], params)

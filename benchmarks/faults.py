"""Planted faults: each makes a patient of a task, with numbers drawn from a seed."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gradtx
from benchmarks.clinic import STEPS, Patient, Random, Task

RATE = 0.015
"""The learning rate of AdamW that suits both tasks."""

Make = Callable[..., Task]


def between(random: Random, low: float, high: float) -> float:
    """A number with a uniform logarithm."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def scheduled(peak: float) -> gradtx.Schedule:
    """A warmup and a cosine."""
    return gradtx.warmup_cosine_decay_schedule(0.0, peak, STEPS // 10, STEPS)


def adamw(peak: float = RATE, **options: Any) -> gradtx.GradientTransformation:
    """AdamW that decays matrices alone."""
    return gradtx.adamw(scheduled(peak), **{"mask": gradtx.except_bias_norm_embedding, **options})


@cache
def _weighted(loss_fn: Any) -> Any:
    def weighted_loss(params: Any, batch: Any) -> Any:
        *whole, weight = batch
        return weight * loss_fn(params, tuple(whole))

    return weighted_loss


def weighted(task: Task, weights: Any) -> Task:
    """The task with a factor for the loss of each batch."""
    return task._replace(
        loss_fn=_weighted(task.loss_fn),
        batches=(*task.batches, jnp.asarray(weights, jnp.float32)),
        validation=(*task.validation, jnp.float32(1.0)),
    )


def rate_too_high(random: Random, make: Make) -> Patient:
    return Patient(make(random), adamw(RATE * between(random, 20, 60)))


def rate_too_low(random: Random, make: Make) -> Patient:
    return Patient(make(random), adamw(RATE / between(random, 20, 60)))


def no_warmup(random: Random, make: Make) -> Patient:
    schedule = gradtx.cosine_decay_schedule(RATE * between(random, 5, 10), STEPS)
    return Patient(make(random), gradtx.adamw(schedule, mask=gradtx.except_bias_norm_embedding))


def stuck_in_16_bits(random: Random, make: Make) -> Patient:
    task = make(random)
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), task.params)
    return Patient(task, adamw(between(random, 1e-4, 4e-4)), params)


def dead_layer(random: Random, make: Make) -> Patient:
    task = make(random)
    params = jax.tree.map(lambda p: p, task.params)
    layer = params["second"] if "second" in params else params["block_1"]["up"]
    layer["bias"] = layer["bias"] - between(random, 20, 200)
    return Patient(task, adamw(), params)


def frozen_group(random: Random, make: Make) -> Patient:
    task = make(random)
    group = str(random.choice([name for name in task.params if name != "norm"]))
    mask = gradtx.by_path({f"^{group}": True, "": False})
    if random.random() < 0.5:
        return Patient(task, gradtx.chain(adamw(), gradtx.freeze(mask)))
    groups = {"trained": adamw(), "fixed": gradtx.set_to_zero()}
    return Patient(task, gradtx.partition(groups, gradtx.by_path({f"^{group}": "fixed", "": "trained"})))


def exploding_batches(random: Random, make: Make) -> Patient:
    weights = np.ones(STEPS)
    places = random.choice(np.arange(50, STEPS - 20), random.integers(2, 6), replace=False)
    weights[places] = between(random, 50, 1000)
    return Patient(weighted(make(random), weights), adamw())


def not_finite(random: Random, make: Make) -> Patient:
    weights = np.ones(STEPS)
    weights[random.integers(50, STEPS - 20)] = random.choice([np.nan, np.inf])
    return Patient(weighted(make(random), weights), adamw())


def wrong_mask(random: Random, make: Make) -> Patient:
    task, decay = make(random), between(random, 0.5, 2.0)
    if random.random() < 0.5:
        inverted = jax.tree.map(lambda x: not x, gradtx.except_bias_norm_embedding(task.params))
        return Patient(task, adamw(weight_decay=decay, mask=inverted))
    matrices = [name for name in task.params if name not in ("norm", "embedding")]
    group = str(random.choice(matrices))
    left_out = gradtx.by_path({f"^{group}|bias|norm|embedding": False, "": True})
    return Patient(task, adamw(weight_decay=decay, mask=left_out))


def decay_on_norms(random: Random, make: Make) -> Patient:
    return Patient(make(random), adamw(weight_decay=between(random, 0.5, 2.0), mask=None))


def slow_second_moment(random: Random, make: Make) -> Patient:
    """First noise with large gradients, then the task."""
    begin = int(random.integers(40, 80))
    noise, task = make(random, wrong=1.0), make(random)
    batches = jax.tree.map(lambda a, b: jnp.concatenate([a[:begin], b[begin:]]), noise.batches, task.batches)
    weights = np.where(np.arange(STEPS) < begin, between(random, 100, 1000), 1.0)
    return Patient(
        weighted(task._replace(batches=batches), weights), adamw(b2=1 - between(random, 5e-4, 2e-3))
    )


def noise_bound(random: Random, make: Make) -> Patient:
    task = make(random, size=int(random.integers(1, 3)), wrong=random.uniform(0.5, 0.7))
    return Patient(task, adamw())


def overfit(random: Random, make: Make) -> Patient:
    task = make(random, count=int(random.integers(1, 4)), wrong=random.uniform(0.1, 0.3))
    return Patient(task, adamw(RATE * between(random, 1.0, 2.0)))


def shuffled_labels(random: Random, make: Make) -> Patient:
    return Patient(make(random, wrong=1.0), adamw(RATE * between(random, 0.5, 1.0)))


def oscillation(random: Random, make: Make) -> Patient:
    task = make(random)
    rate = between(random, 1.0, 3.0) if "second" in task.params else between(random, 1.6, 2.4)
    return Patient(task, gradtx.sgd(rate))


FAULTS: dict[str, Callable[[Random, Make], Patient]] = {
    "rate-too-high": rate_too_high,
    "rate-too-low": rate_too_low,
    "no-warmup": no_warmup,
    "stuck-in-16-bits": stuck_in_16_bits,
    "dead-group": dead_layer,
    "frozen-group": frozen_group,
    "exploding-batches": exploding_batches,
    "not-finite": not_finite,
    "wrong-mask": wrong_mask,
    "decay-on-norms": decay_on_norms,
    "slow-second-moment": slow_second_moment,
    "noise-bound": noise_bound,
    "overfit": overfit,
    "shuffled-labels": shuffled_labels,
    "oscillation": oscillation,
}
"""The faults by the name of their finding."""

"""Small trainings with a planted fault, and healthy ones: the patients of `benchmarks.diagnosis`.

The numbers of each fault are drawn from a seed.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import gradtx
from gradtx import practice

STEPS, EVERY = 300, 10
CLASSES, INPUTS, WIDTH, BATCH = 8, 16, 32, 32
TOKENS, CONTEXT, MODEL = 12, 16, 16

Random = np.random.Generator


class Task(NamedTuple):
    """A loss of parameters and a batch, the first parameters, batches, and one large batch of other data."""

    loss_fn: Callable[[Any, Any], Any]
    params: Any
    batches: Any
    validation: Any


class Patient(NamedTuple):
    """A training to be made: its task, its optimizer, and its first parameters if they are not the task's."""

    task: Task
    tx: gradtx.GradientTransformation
    params: Any = None


def run(patient: Patient, steps: int = STEPS) -> practice.History:
    """The history of a training, with vitals and evaluations."""
    task, tx, params = patient
    evaluate = partial(task.loss_fn, batch=task.validation)
    result = practice.train(
        task.loss_fn,
        task.params if params is None else params,
        tx,
        task.batches,
        steps=steps,
        eval_fn=evaluate,
        every=EVERY,
        monitor=practice.vitals(),
    )
    return result.history


def _normal(random: Random, *shape: int, scale: float = 1.0) -> Any:
    return jnp.asarray(scale * random.standard_normal(shape), jnp.float32)


def _dense(random: Random, inputs: int, outputs: int, gain: float = 2.0) -> dict[str, Any]:
    return {
        "kernel": _normal(random, inputs, outputs, scale=(gain / inputs) ** 0.5),
        "bias": jnp.zeros(outputs),
    }


def _applied(layer: Any, x: Any) -> Any:
    return x @ layer["kernel"] + layer["bias"]


def _normalized(norm: Any, x: Any) -> Any:
    x = x - x.mean(-1, keepdims=True)
    return norm["scale"] * x / jnp.sqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-5) + norm["bias"]


def _norm(width: int) -> dict[str, Any]:
    return {"scale": jnp.ones(width), "bias": jnp.zeros(width)}


def _batches(make: Callable[[int], Any], size: int, count: int) -> tuple[Any, Any]:
    """Batches with an axis of steps, and one batch of other data."""
    whole = make(size * count + 1024)
    first = jax.tree.map(lambda x: x[: size * count].reshape(count, size, *x.shape[1:]), whole)
    return first, jax.tree.map(lambda x: x[size * count :], whole)


def classification(random: Random, size: int = BATCH, count: int = STEPS, wrong: float = 0.0) -> Task:
    """Eight classes of points with three centers each, and an MLP with a normalization.

    Args:
      random: draws the data and the parameters.
      size: the number of examples in a batch.
      count: the number of batches.
      wrong: the share of labels that are drawn anew.
    """
    centers = random.standard_normal((CLASSES, 3, INPUTS))

    def make(number: int) -> Any:
        labels = random.integers(CLASSES, size=number)
        x = centers[labels, random.integers(3, size=number)] + 0.7 * random.standard_normal((number, INPUTS))
        given = np.where(random.random(number) < wrong, random.integers(CLASSES, size=number), labels)
        return jnp.asarray(x, jnp.float32), jnp.asarray(given)

    params = {
        "first": _dense(random, INPUTS, WIDTH),
        "norm": _norm(WIDTH),
        "second": _dense(random, WIDTH, WIDTH),
        "head": _dense(random, WIDTH, CLASSES, gain=1.0),
    }
    return Task(classification_loss, params, *_batches(make, size, count))


def classification_loss(params: Any, batch: Any) -> Any:
    x, labels = batch
    x = jax.nn.relu(_normalized(params["norm"], _applied(params["first"], x)))
    logits = _applied(params["head"], jax.nn.relu(_applied(params["second"], x)))
    return jnp.mean(gradtx.softmax_cross_entropy_with_integer_labels(logits, labels))


def sequences(random: Random, size: int = BATCH // 2, count: int = STEPS, wrong: float = 0.0) -> Task:
    """Sequences in which the last two tokens mostly determine the next one; a transformer, post-norm."""
    table = random.integers(TOKENS, size=(TOKENS, TOKENS))

    def make(number: int) -> Any:
        tokens = random.integers(TOKENS, size=(number, CONTEXT + 1))
        for place in range(2, CONTEXT + 1):
            known = table[tokens[:, place - 1], tokens[:, place - 2] // 4]
            tokens[:, place] = np.where(random.random(number) < 0.85, known, tokens[:, place])
        targets = tokens[:, 1:]
        drawn = random.integers(TOKENS, size=targets.shape)
        targets = np.where(random.random((number, 1)) < wrong, drawn, targets)
        return jnp.asarray(tokens[:, :-1]), jnp.asarray(targets)

    params = {
        "embedding": {
            "token": _normal(random, TOKENS, MODEL, scale=0.5),
            "position": _normal(random, CONTEXT, MODEL, scale=0.5),
        },
        **{f"block_{i}": _block(random) for i in range(2)},
        "head": _dense(random, MODEL, TOKENS, gain=1.0),
    }
    return Task(sequence_loss, params, *_batches(make, size, count))


def _block(random: Random) -> dict[str, Any]:
    return {
        "attention": {
            name: _normal(random, MODEL, MODEL, scale=MODEL**-0.5)
            for name in ("query", "key", "value", "out")
        },
        "norm_1": _norm(MODEL),
        "up": _dense(random, MODEL, 2 * MODEL),
        "down": _dense(random, 2 * MODEL, MODEL, gain=1.0),
        "norm_2": _norm(MODEL),
    }


def sequence_loss(params: Any, batch: Any) -> Any:
    tokens, targets = batch
    x = params["embedding"]["token"][tokens] + params["embedding"]["position"]
    for name in ("block_0", "block_1"):
        block = params[name]
        x = _normalized(block["norm_1"], x + _attention(block["attention"], x))
        x = _normalized(block["norm_2"], x + _applied(block["down"], jax.nn.relu(_applied(block["up"], x))))
    logits = _applied(params["head"], x)
    return jnp.mean(gradtx.softmax_cross_entropy_with_integer_labels(logits, targets))


def _attention(weights: Any, x: Any) -> Any:
    scores = (x @ weights["query"]) @ (x @ weights["key"]).mT / MODEL**0.5
    causal = jnp.tril(jnp.ones((x.shape[-2], x.shape[-2]), bool))
    return jax.nn.softmax(jnp.where(causal, scores, -1e9)) @ (x @ weights["value"]) @ weights["out"]


def regression(random: Random) -> Task:
    """A smooth function of eight numbers with noise, and an MLP without a normalization."""
    a, b = random.standard_normal((2, 8))

    def make(number: int) -> Any:
        x = random.standard_normal((number, 8))
        y = np.sin(x @ a) + 0.5 * (x @ b) + 0.1 * random.standard_normal(number)
        return jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)

    params = {
        "first": _dense(random, 8, 32),
        "second": _dense(random, 32, 32),
        "out": _dense(random, 32, 1, 1.0),
    }
    return Task(regression_loss, params, *_batches(make, BATCH, STEPS))


def regression_loss(params: Any, batch: Any) -> Any:
    x, y = batch
    for name in ("first", "second"):
        x = jnp.tanh(_applied(params[name], x))
    return jnp.mean((_applied(params["out"], x)[:, 0] - y) ** 2)


def convolution(random: Random) -> Task:
    """Lines in noise at four slopes, and a network of two convolutions."""

    def make(number: int) -> Any:
        labels = random.integers(4, size=number)
        slope = np.array([0.0, 1.0, -1.0, 3.0])[labels][:, None, None]
        i, j = np.mgrid[:8, :8]
        distance = i[None] - 3.5 - slope * (j[None] - 3.5) + random.normal(size=(number, 1, 1))
        x = np.exp(-(distance**2)) + 0.3 * random.standard_normal((number, 8, 8))
        return jnp.asarray(x[..., None], jnp.float32), jnp.asarray(labels)

    params = {
        "conv_1": {"kernel": _normal(random, 3, 3, 1, 8, scale=(2 / 9) ** 0.5), "bias": jnp.zeros(8)},
        "conv_2": {"kernel": _normal(random, 3, 3, 8, 16, scale=(2 / 72) ** 0.5), "bias": jnp.zeros(16)},
        "head": _dense(random, 16, 4, gain=1.0),
    }
    return Task(convolution_loss, params, *_batches(make, BATCH, STEPS))


def convolution_loss(params: Any, batch: Any) -> Any:
    x, labels = batch
    for name in ("conv_1", "conv_2"):
        kernel, bias = params[name]["kernel"], params[name]["bias"]
        numbers = ("NHWC", "HWIO", "NHWC")
        x = jax.nn.relu(
            jax.lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=numbers) + bias
        )
    logits = _applied(params["head"], x.mean((1, 2)))
    return jnp.mean(gradtx.softmax_cross_entropy_with_integer_labels(logits, labels))


TASKS = {
    "classification": classification,
    "sequences": sequences,
    "regression": regression,
    "convolution": convolution,
}
OPTIMIZERS: dict[str, Callable[[Any], gradtx.GradientTransformation]] = {
    "momentum": gradtx.momentum,
    "rmsprop": gradtx.rmsprop,
    "adamw": gradtx.adamw,
    "lion": gradtx.lion,
    "muon": gradtx.muon,
}

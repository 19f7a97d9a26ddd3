"""The parameter trees of the benchmarks."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Shapes = Any


def gpt(width: int = 384, depth: int = 12, vocabulary: int = 8000, context: int = 1024) -> Shapes:
    """A small GPT-2: 12 leaves in each block and 4 others, 148 leaves and 25 million numbers."""

    def dense(inputs: int, outputs: int) -> Shapes:
        return {"kernel": (inputs, outputs), "bias": (outputs,)}

    norm = {"scale": (width,), "bias": (width,)}
    block = {
        "ln_1": norm,
        "attention": {"qkv": dense(width, 3 * width), "projection": dense(width, width)},
        "ln_2": norm,
        "mlp": {"up": dense(width, 4 * width), "down": dense(4 * width, width)},
    }
    return {
        "wte": (vocabulary, width),
        "wpe": (context, width),
        "blocks": [block] * depth,
        "ln_f": norm,
    }


def resnet(blocks: tuple[int, ...] = (12, 12, 11), width: int = 16) -> Shapes:
    """A residual network for small pictures: 215 leaves, most of them tiny."""

    def unit(inputs: int, outputs: int) -> Shapes:
        return {"conv": (3, 3, inputs, outputs), "scale": (outputs,), "bias": (outputs,)}

    stages, inputs = [], width
    for stage, count in enumerate(blocks):
        outputs = width * 2**stage
        for _ in range(count):
            stages.append([unit(inputs, outputs), unit(outputs, outputs)])
            inputs = outputs
    return {"stem": unit(3, width), "stages": stages, "head": {"kernel": (inputs, 10), "bias": (10,)}}


def flat(size: int = 25_000_000) -> Shapes:
    """One vector."""
    return {"vector": (size,)}


def dense(size: int = 64) -> Shapes:
    """One dense layer: two leaves of a size as in notebooks and in reinforcement learning."""
    return {"kernel": (size, size), "bias": (size,)}


def many(leaves: int) -> Shapes:
    """`leaves` leaves of four shapes, as in scanned or very deep models."""
    shapes = [(64, 64), (64,), (64, 256), (256,)]
    return [shapes[index % len(shapes)] for index in range(leaves)]


TREES: dict[str, Callable[[], Shapes]] = {
    "2 leaves": dense,
    "gpt": gpt,
    "resnet": resnet,
    "flat": flat,
    "500 leaves": lambda: many(500),
    "2000 leaves": lambda: many(2000),
}


def parameters(shapes: Shapes) -> Any:
    """Arrays of ones of these shapes."""
    return jax.tree.map(jnp.ones, shapes, is_leaf=lambda shape: isinstance(shape, tuple))

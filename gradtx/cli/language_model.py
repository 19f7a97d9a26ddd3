"""A small decoder-only transformer over characters, in plain JAX.

Its functions take one sequence of `t` characters; `loss` maps them over a batch. Each block adds to the
residual stream `x`, of shape `(t, width)`,

    x = x + attention(norm(x))
    x = x + feed_forward(norm(x))

after Vaswani et al. (2017), arXiv:1706.03762, with the norm before each part (Xiong et al.,
2020, arXiv:2002.04745), root-mean-square norms (Zhang and Sennrich, 2019, arXiv:1910.07467) and rotary
positions (Su et al., 2021, arXiv:2104.09864).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Params = dict[str, Any]


@dataclass(frozen=True)
class Architecture:
    """The size of the model."""

    context: int = 64  # the number of characters that the model sees
    width: int = 96  # of the residual stream
    depth: int = 3  # blocks
    heads: int = 4  # attention heads in a block, each `width / heads` wide, an even number


def init_params(random: np.random.Generator, architecture: Architecture, vocabulary_size: int) -> Params:
    """Random parameters, under names from which the mask of the weight decay knows their kinds."""
    width, depth = architecture.width, architecture.depth
    return {
        "embedding": _normal(random, (vocabulary_size, width), 1.0),
        "blocks": [_init_block(random, width, depth) for _ in range(depth)],
        "final_norm": _init_norm(width),
        # Small, for almost uniform first predictions: the first loss is the log of the vocabulary size.
        "head": _init_kernel(random, width, vocabulary_size, 0.1),
    }


def _init_block(random: np.random.Generator, width: int, depth: int) -> Params:
    # The parts of a block are scaled down, so that the residual stream does not grow with the depth.
    added = (2 * depth) ** -0.5
    return {
        "attention_norm": _init_norm(width),
        "query_key_value": _init_kernel(random, width, 3 * width),
        "attention_output": _init_kernel(random, width, width, added),
        "feed_forward_norm": _init_norm(width),
        "up": _init_kernel(random, width, 4 * width),
        "down": _init_kernel(random, 4 * width, width, added),
    }


def _init_norm(width: int) -> Params:
    return {"scale": jnp.ones(width)}


def _init_kernel(random: np.random.Generator, fan_in: int, fan_out: int, gain: float = 1.0) -> Params:
    return {"kernel": _normal(random, (fan_in, fan_out), gain * fan_in**-0.5)}


def _normal(random: np.random.Generator, shape: tuple[int, int], scale: float) -> jax.Array:
    return jnp.asarray(scale * random.standard_normal(shape), jnp.float32)


def logits(architecture: Architecture, params: Params, characters: jax.Array) -> jax.Array:
    """Unnormalized log-probabilities of each next character, in float32, shape `(t, vocabulary_size)`.

    The logits at position i depend on `characters[: i + 1]` alone.
    """
    x = params["embedding"][characters]
    for block in params["blocks"]:
        x = x + _attention(block, _norm(block["attention_norm"], x), architecture.heads)
        x = x + _feed_forward(block, _norm(block["feed_forward_norm"], x))
    return (_norm(params["final_norm"], x) @ params["head"]["kernel"]).astype(jnp.float32)


def _norm(params: Params, x: jax.Array) -> jax.Array:
    mean_square = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(mean_square + 1e-6) * params["scale"][None, :]


def _attention(params: Params, x: jax.Array, heads: int) -> jax.Array:
    """For each position, the average of the values up to it, weighted by the products of query and keys."""
    t, width = x.shape
    qkv = (x @ params["query_key_value"]["kernel"]).reshape(t, 3, heads, width // heads)
    query, key, value = _rotated(qkv[:, 0]), _rotated(qkv[:, 1]), qkv[:, 2]
    scores = jnp.einsum("qhd,khd->hqk", query, key) * (width // heads) ** -0.5
    past = jnp.tril(jnp.ones((1, t, t), bool))
    weights = jax.nn.softmax(jnp.where(past, scores, -jnp.inf))
    mixed = jnp.einsum("hqk,khd->qhd", weights, value).reshape(t, width)
    return mixed @ params["attention_output"]["kernel"]


def _rotated(x: jax.Array) -> jax.Array:
    """Rotates pairs of features by angles proportional to the position, each pair at its own speed.

    The product of a query and a key then depends on the distance between them, and not on their positions.
    """
    t, _, width = x.shape
    speed = 10_000.0 ** -jnp.linspace(0.0, 1.0, width // 2, endpoint=False)
    angle = jnp.arange(t, dtype=speed.dtype)[:, None, None] * speed[None, None, :]
    left, right = jnp.split(x, 2, axis=-1)
    cos, sin = jnp.cos(angle).astype(x.dtype), jnp.sin(angle).astype(x.dtype)
    return jnp.concatenate([left * cos - right * sin, left * sin + right * cos], axis=-1)


def _feed_forward(params: Params, x: jax.Array) -> jax.Array:
    return jax.nn.gelu(x @ params["up"]["kernel"]) @ params["down"]["kernel"]


def loss(architecture: Architecture, params: Params, batch: jax.Array) -> jax.Array:
    """The mean cross-entropy of the next character, in nats, over a batch of shape `(n, context + 1)`."""

    def of_sequence(characters: jax.Array) -> jax.Array:
        log_probability = jax.nn.log_softmax(logits(architecture, params, characters[:-1]))
        return -jnp.mean(jnp.take_along_axis(log_probability, characters[1:, None], axis=-1))

    return jnp.mean(jax.vmap(of_sequence)(batch))


@partial(jax.jit, static_argnames=("architecture", "length"))
def generate(
    architecture: Architecture,
    params: Params,
    prompt: jax.Array,
    key: jax.Array,
    *,
    length: int,
    temperature: float = 0.7,
) -> jax.Array:
    """`length` characters that continue a prompt of `context` characters, drawn one after another.

    A `temperature` below 1 sharpens the probabilities p of the model, to p^(1 / temperature).
    """

    def step(seen: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        last = logits(architecture, params, seen)[-1]
        drawn = jax.random.categorical(key, last / temperature).astype(seen.dtype)
        return jnp.append(seen[1:], drawn), drawn

    return jax.lax.scan(step, prompt, jax.random.split(key, length))[1]

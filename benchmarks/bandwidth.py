"""The memory bandwidth of the machine: a bound for a step that reads and writes every array once."""

import time
from statistics import median

import jax
import jax.numpy as jnp


def triad(size: int = 25_000_000, rounds: int = 11) -> float:
    """The bytes per second of x <- x + s y in place on long vectors: the triad of STREAM (McCalpin 1995)."""

    @jax.jit
    def vectors() -> tuple[jax.Array, jax.Array]:
        return jnp.ones(size), jnp.ones(size)

    kernel = jax.jit(lambda x, y: x + 1e-3 * y, donate_argnums=0)
    x, y = vectors()
    x = jax.block_until_ready(kernel(x, y))
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        x = jax.block_until_ready(kernel(x, y))
        times.append(time.perf_counter() - begun)
    return 3 * x.nbytes / median(times)


def least_traffic(params: int, state: int) -> int:
    """The least number of bytes that a step moves: parameters and state in and out, gradients in."""
    return 2 * (params + state) + params

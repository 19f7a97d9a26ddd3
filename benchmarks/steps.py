"""One optimizer step, taken apart: how long it takes to trace, compile and run, and what it allocates."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp


@dataclass
class Step:
    """A compiled step of one library on one tree, with its measures; times are in seconds."""

    library: str
    trace_and_lower: float
    compilation: float
    temporary_bytes: int
    state_bytes: int
    run: Callable[[], float]
    eager: Callable[[], float]
    times: list[float] = field(default_factory=list)
    eager_times: list[float] = field(default_factory=list)

    def measures(self) -> dict[str, float]:
        """Its medians and its sizes, by name."""
        return {
            "step": median(self.times),
            "eager update": median(self.eager_times),
            "trace and lower": self.trace_and_lower,
            "compilation": self.compilation,
            "temporary bytes": self.temporary_bytes,
            "state bytes": self.state_bytes,
        }


def prepare(name: str, library: Any, tx: Any, params: Any) -> Step:
    """The step of `tx` with donated parameters and state, compiled and warm."""

    def step(params: Any, state: Any, gradients: Any) -> Any:
        updates, state = tx.update(gradients, state, params)
        return library.apply_updates(params, updates), state

    gradients = jax.tree.map(lambda leaf: 0.1 * leaf, params)
    jax.clear_caches()  # what one measurement has traced must not serve the next
    begun = time.perf_counter()
    lowered = jax.jit(step, donate_argnums=(0, 1)).lower(params, jax.eval_shape(tx.init, params), gradients)
    traced = time.perf_counter()
    compiled = lowered.compile()
    done = time.perf_counter()
    held = [jax.tree.map(jnp.copy, params), tx.init(params)]
    state = tx.init(params)

    def run() -> float:
        begun = time.perf_counter()
        held[:] = compiled(*held, gradients)
        jax.block_until_ready(held)
        return time.perf_counter() - begun

    def eager() -> float:
        begun = time.perf_counter()
        jax.block_until_ready(tx.update(gradients, state, params))
        return time.perf_counter() - begun

    return Step(
        library=name,
        trace_and_lower=traced - begun,
        compilation=done - traced,
        temporary_bytes=compiled.memory_analysis().temp_size_in_bytes,
        state_bytes=sum(leaf.nbytes for leaf in jax.tree.leaves(state)),
        run=run,
        eager=eager,
    )


def interleave(steps: list[Step], rounds: int) -> None:
    """Times every step once a round, so that a machine that slows down meets all alike."""
    for step in steps:  # the first call of each is not counted: it compiles, or faults pages in
        step.run(), step.eager()
    for _ in range(rounds):
        for step in steps:
            step.times.append(step.run())
    for _ in range(max(1, rounds // 3)):
        for step in steps:
            step.eager_times.append(step.eager())

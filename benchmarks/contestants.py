"""One step of one library on one tree: its times to trace, compile and run, and its memory traffic."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp

import gradtx
from benchmarks.bandwidth import least_traffic
from gradtx.stepping._stepper import _plan

PAUSE = 0.02  # seconds
TRACES = 3  # the first one in a process also traces functions of JAX itself


@dataclass
class Contestant:
    """One library on one tree, with figures that are measured once and functions that are timed in rounds."""

    name: str
    figures: dict[str, float]
    timed: dict[str, Callable[[], Any]]
    times: dict[str, list[float]] = field(default_factory=dict)

    def time(self, measure: str) -> None:
        """Adds one time of `measure`, in seconds."""
        begun = time.perf_counter()
        self.timed[measure]()
        self.times.setdefault(measure, []).append(time.perf_counter() - begun)

    def measures(self) -> dict[str, float]:
        """The figures, and the medians of the times, by name."""
        return self.figures | {measure: median(times) for measure, times in self.times.items()}


def race(contestants: list[Contestant], rounds: int) -> None:
    """Times every contestant once a round, so that a change of the machine's speed affects all equally.

    Each round has another order. A pause precedes each time, since the threads of the last contestant keep
    spinning for a while.
    """
    order = Random(0)
    for measure, share in (("step", 1), ("eager update", 3)):
        here = [contestant for contestant in contestants if measure in contestant.timed]
        for contestant in here:  # not counted, since it compiles or causes page faults
            contestant.timed[measure]()
        for _ in range(max(1, rounds // share)):
            for contestant in order.sample(here, len(here)):
                time.sleep(PAUSE)
                contestant.time(measure)


def in_one_jit(name: str, library: Any, tx: Any, params: Any) -> Contestant:
    """Update and apply in one `jit` with donated parameters and state, the usual step of both libraries."""

    def step(params: Any, state: Any, gradients: Any) -> Any:
        updates, state = tx.update(gradients, state, params)
        return library.apply_updates(params, updates), state

    gradients = jax.tree.map(lambda leaf: 0.1 * leaf, params)
    arguments = params, jax.eval_shape(tx.init, params), gradients
    traces, lowerings = [], []
    for _ in range(TRACES):
        jax.clear_caches()  # so that no measurement uses a trace of the one before
        begun = time.perf_counter()
        traced = jax.jit(step, donate_argnums=(0, 1)).trace(*arguments)
        traced_at = time.perf_counter()
        lowered = traced.lower()
        traces.append(traced_at - begun)
        lowerings.append(time.perf_counter() - traced_at)
    begun = time.perf_counter()
    compiled = lowered.compile()
    compilation = time.perf_counter() - begun
    trace, lower = median(traces), median(lowerings)
    held = [jax.tree.map(jnp.copy, params), tx.init(params)]
    state = tx.init(params)
    jax.block_until_ready((held, state))
    begun_first = time.perf_counter()
    jax.block_until_ready(compiled(*jax.tree.map(jnp.copy, held), gradients))
    first_run = time.perf_counter() - begun_first

    def run() -> None:
        held[:] = compiled(*held, gradients)
        jax.block_until_ready(held)

    return Contestant(
        name=name,
        figures={
            "trace": trace,
            "lower": lower,
            "compile": compilation,
            "trace and lower": trace + lower,
            "trace, lower and compile": trace + lower + compilation,
            "first call": trace + lower + compilation + first_run,
            "temporary bytes": compiled.memory_analysis().temp_size_in_bytes,
            "copies": copies(compiled),
            "state bytes": size(state),
            "least traffic": least_traffic(size(params), size(state)),
        },
        timed={
            "step": run,
            "eager update": lambda: jax.block_until_ready(tx.update(gradients, state, params)),
        },
    )


def through_the_stepper(tx: Any, params: Any) -> Contestant:
    """The same step through `gradtx.Stepper`, outside of a `jit` of the user."""
    gradients = jax.tree.map(lambda leaf: 0.1 * leaf, params)
    held = [jax.tree.map(jnp.copy, params), tx.init(params)]
    stepper = gradtx.Stepper(tx)

    def run() -> None:
        held[:] = stepper(held[0], held[1], gradients=gradients)
        jax.block_until_ready(held)

    jax.clear_caches()
    _plan.cache_clear()
    begun = time.perf_counter()
    run()
    first = time.perf_counter() - begun
    return Contestant("Stepper", {"first call": first}, {"step": run})


def of_torch(torch: Any, name: str, make: Callable[..., Any], clips: bool, params: Any) -> Contestant:
    """A step of PyTorch on the processor, with its implementation `"fused"` or `"foreach"`."""
    tensors = [torch.ones(leaf.shape, requires_grad=True) for leaf in jax.tree.leaves(params)]
    for tensor in tensors:
        tensor.grad = torch.full_like(tensor, 0.1)
    optimizer = make(tensors, **{name: True})

    def run() -> None:
        if clips:
            torch.nn.utils.clip_grad_norm_(tensors, 1.0, foreach=True)
        optimizer.step()

    return Contestant(f"torch {name}", {}, {"step": run})


def size(tree: Any) -> int:
    """The bytes of all arrays in a tree."""
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


def copies(compiled: Any) -> int:
    """The number of copies of arrays, without scalars, in a compiled program."""
    return len(re.findall(r"= \w+\[\d[\d,]*\]\S* copy\(", compiled.as_text()))

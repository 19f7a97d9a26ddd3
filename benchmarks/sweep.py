"""Sixteen learning rates at once: `python -m benchmarks.sweep [--rounds N] [--out FOLDER]`.

Times ten steps of a stack of optimizers, one interval of SOAP, against the same steps of each member alone.
The state of the stack has the axes of `state_axes`. Without them SOAP computes all of its decompositions at
every step, and on two cores these batched calls of LAPACK may wait for each other for ever in jaxlib 0.10.2.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

import gradtx
from benchmarks.__main__ import machine
from benchmarks.contestants import Contestant, race

STEPS, MEMBERS = 10, 16
PARAMS = [{"kernel": jnp.ones((128, 128)), "bias": jnp.ones(128)}] * 8
WORK = {"AdamW": gradtx.adamw, "SOAP": gradtx.soap}
ALONE, STACK = "16 alone", "a stack"


def step(tx: Any, gradients: Any, state: Any, params: Any) -> tuple[Any, Any]:
    """The next state and the next parameters."""
    updates, state = tx.update(gradients, state, params)
    return state, gradtx.apply_updates(params, updates)


def steps(update: Callable[..., Any], tx: Any, gradients: Any, held: list[Any]) -> None:
    """Some steps, of which each donates the state and the parameters in `held`."""
    for _ in range(STEPS):
        held[:] = update(tx, gradients, *held)
    jax.block_until_ready(held)


def contestants(make: Callable[[Any], Any], params: Any) -> list[Contestant]:
    """The members one after another, and the stack of them with one count for all."""
    sweep = jax.vmap(make)(jnp.geomspace(1e-4, 1e-2, MEMBERS))
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(0), len(leaves))
    one = structure.unflatten([jax.random.normal(key, p.shape) for key, p in zip(keys, leaves, strict=True)])
    gradients, all_params = (jax.tree.map(lambda x: jnp.stack([x] * MEMBERS), tree) for tree in (one, params))
    alone = jax.jit(step, donate_argnums=(2, 3))
    each = [(tx, [tx.init(params), jax.tree.map(jnp.copy, params)]) for tx in gradtx.unstack(sweep)]

    def in_turn() -> None:
        for tx, held in each:
            steps(alone, tx, one, held)

    axes = gradtx.state_axes(sweep, params)
    mapped = jax.jit(jax.vmap(step, in_axes=(0, 0, axes, 0), out_axes=(axes, 0)), donate_argnums=(2, 3))
    held = [jax.vmap(lambda tx: tx.init(params), out_axes=axes)(sweep), all_params]
    return [
        Contestant(ALONE, {}, {"step": in_turn}),
        Contestant(STACK, {}, {"step": lambda: steps(mapped, sweep, gradients, held)}),
    ]


def table(results: dict[str, dict[str, float]]) -> str:
    """The milliseconds of a step of all members, and the ratio of the stack to the members alone."""
    lines = [f"| 16 learning rates | {ALONE}, ms | {STACK}, ms | ratio |", "|---|---:|---:|---:|"]
    for work, seconds in results.items():
        alone, stack = (1000 * seconds[name] / STEPS for name in (ALONE, STACK))
        lines.append(f"| {work} | {alone:.1f} | {stack:.1f} | {stack / alone:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measures, prints the table, and writes the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--work", nargs="+", choices=WORK, default=list(WORK), help="default: all")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path(), help="a folder for the figures")
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    for work in options.work:
        racing = contestants(WORK[work], PARAMS)
        race(racing, options.rounds)
        results[work] = {contestant.name: contestant.measures()["step"] for contestant in racing}
    print(table(results))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "sweep.md").write_text(table(results) + "\n")
    figures = {"machine": machine(), "results": results}
    (options.out / "sweep.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()

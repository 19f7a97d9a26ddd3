"""Sixteen trainings at once: `python -m benchmarks.sweep_training [--rounds N] [--out FOLDER]`.

Times `practice.train` of a sweep against the members one after another, all compiled. A small network is
bound by the starts of operations, a larger one by arithmetic.
"""

import argparse
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

import gradtx
from benchmarks.contestants import Contestant, race
from gradtx import practice

MEMBERS = 16
NETWORKS = {
    "small": (200, (8, 16, 16, 4), 8, None),
    "larger": (50, (64, 128, 128, 10), 64, None),
    "larger, `batch_size=4`": (50, (64, 128, 128, 10), 64, 4),
    "largest, `batch_size=4`": (5, (256, 512, 512, 10), 256, 4),
}
"""By column: the steps, the units of the layers, the examples of a batch, the members at the same time."""
WORK = {"AdamW": gradtx.adamw, "Muon": gradtx.muon}
ALONE, SWEEP = "16 alone", "a sweep"


def loss_fn(params: list[jax.Array], batch: Any) -> jax.Array:
    """The mean cross entropy of a network without biases."""
    x, labels = batch
    for kernel in params[:-1]:
        x = jax.nn.relu(x @ kernel)
    return jnp.mean(gradtx.softmax_cross_entropy_with_integer_labels(x @ params[-1], labels))


def contestants(make: Any, steps: int, units: tuple[int, ...], size: int, together: Any) -> list[Contestant]:
    """The members one after another, and the sweep of them."""
    keys = jax.random.split(jax.random.key(0), len(units) + 1)
    params = [
        jax.random.normal(key, shape) * (2 / shape[0]) ** 0.5
        for key, shape in zip(keys, pairwise(units), strict=False)
    ]
    inputs = jax.random.normal(keys[-1], (steps, size, units[0]))
    batches = inputs, jax.random.randint(keys[-2], (steps, size), 0, units[-1])
    sweep = practice.sweep(make(1e-3), learning_rate=jnp.geomspace(1e-4, 1e-2, MEMBERS).tolist())

    def run(tx: Any, **options: Any) -> None:
        jax.block_until_ready(practice.train(loss_fn, params, tx, batches, steps=steps, **options).params)

    return [
        Contestant(ALONE, {}, {"step": lambda: [run(tx) for tx in sweep]}),
        Contestant(SWEEP, {}, {"step": lambda: run(sweep, batch_size=together)}),
    ]


def ratio(make: Callable[..., Any], network: tuple[Any, ...], rounds: int) -> float:
    """The time of a sweep over that of its members."""
    racing = contestants(make, *network)
    race(racing, rounds)
    alone, swept = (contestant.measures()["step"] for contestant in racing)
    return swept / alone


def main() -> None:
    """Measures, prints the table, and writes it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep_training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path(), help="a folder for the figures")
    options = parser.parse_args()
    lines = ["| | " + " | ".join(NETWORKS) + " |", "|---" + "|---:" * len(NETWORKS) + "|"]
    for name, make in WORK.items():
        ratios = [ratio(make, network, options.rounds) for network in NETWORKS.values()]
        lines.append(f"| {name} | " + " | ".join(f"{each:.2f}" for each in ratios) + " |")
        print(lines[-1], flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "sweep-training.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

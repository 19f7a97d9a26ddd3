"""Memory and time of states in few bits, through the Stepper: `python -m benchmarks.low_precision`."""

import argparse
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import gradtx
from benchmarks.trees import TREES, parameters
from gradtx.stepping import of_jit, of_stepper

PAIRS = {
    "AdamW": (gradtx.adamw(1e-3), gradtx.adamw8bit(1e-3)),
    "AdamW, bfloat16 mu": (gradtx.adamw(1e-3), gradtx.adamw(1e-3, mu_dtype="bfloat16")),
    "Lion": (gradtx.lion(1e-4), gradtx.lion8bit(1e-4)),
    "SGD with momentum": (gradtx.sgd(0.1, 0.9), gradtx.quantized(gradtx.sgd(0.1, 0.9))),
    "Adafactor with momentum": (
        gradtx.adafactor(1e-2, momentum=0.9),
        gradtx.quantized(gradtx.adafactor(1e-2, momentum=0.9), {"ema": gradtx.formats.int8()}),
    ),
    "Muon": (gradtx.muon(1e-2), gradtx.quantized(gradtx.muon(1e-2))),
}
"""For each name the optimizer with a state of 32 bits and the one in fewer bits."""


def first_call_and_steps(txs: tuple[Any, Any], params: Any, rounds: int) -> list[tuple[float, float]]:
    """The seconds of the first call, and of the fastest step, of both optimizers in turn."""
    jax.clear_caches()  # else a row may find the programs of another one
    steppers = [gradtx.Stepper(tx) for tx in txs]
    runs = [(jax.tree.map(np.array, params), None) for _ in txs]
    runs = [
        (jax.device_put(own), stepper.init(params)) for (own, _), stepper in zip(runs, steppers, strict=True)
    ]
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for index, stepper in enumerate(steppers):
            begun = time.perf_counter()
            runs[index] = jax.block_until_ready(stepper(*runs[index], gradients=params))
            times[index].append(time.perf_counter() - begun)
    return [(own[0], min(own[1:])) for own in times]


def row(name: str, params: Any, rounds: int) -> tuple[str, ...]:
    """The figures of a pair on these parameters."""
    txs = PAIRS[name]
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    wide, narrow = (of_stepper(tx, params) for tx in txs)
    (first, step), (first_narrow, step_narrow) = first_call_and_steps(txs, params, rounds)
    figures = (
        wide.state / size,
        narrow.state / size,
        of_jit(txs[1], params).temporaries / size,
        wide.temporaries / size,
        narrow.temporaries / size,
        step_narrow / step,
        first_narrow / first,
    )
    return (name, *(f"{figure:.2f}" for figure in figures))


HEADER = (
    "optimizer",
    "state, 32 bits",
    "in fewer",
    "temporaries in jit",
    "Stepper, 32 bits",
    "in fewer",
    "step ratio",
    "first call ratio",
)


def main() -> None:
    """Prints the table, and writes it; bytes are those a parameter."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.low_precision", description=__doc__)
    parser.add_argument("--tree", choices=TREES, default="gpt", help="default: %(default)s")
    parser.add_argument("--only", nargs="+", choices=PAIRS, default=list(PAIRS), help="default: all")
    parser.add_argument("--rounds", type=int, default=12, help="default: %(default)s")
    parser.add_argument("--out", type=Path, help="the file to write")
    options = parser.parse_args()
    params = parameters(TREES[options.tree]())
    lines = ["| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|"]
    for name in options.only:
        lines.append("| " + " | ".join(row(name, params, options.rounds)) + " |")
        print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

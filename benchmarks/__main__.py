"""Times gradtx beside Optax: `python -m benchmarks [--tree NAME ...] [--rounds N] [--out DIR]`."""

import argparse
import os
import platform
from pathlib import Path

import jax
import optax

import gradtx
from benchmarks import report
from benchmarks.steps import interleave, prepare
from benchmarks.trees import TREES, parameters
from benchmarks.work import WORK


def measure(tree: str, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Both libraries on every work, for one tree."""
    params = parameters(TREES[tree]())
    results = {}
    for work, build in WORK.items():
        steps = [
            prepare(name, library, build(library), params)
            for name, library in (("gradtx", gradtx), ("optax", optax))
        ]
        interleave(steps, rounds)
        results[work] = {step.library: step.measures() for step in steps}
    return results


def main() -> None:
    """Measures, prints a table for each tree as it is done, and writes the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="gradtx beside Optax.")
    parser.add_argument("--tree", nargs="+", choices=TREES, default=list(TREES), help="default: all")
    parser.add_argument("--rounds", type=int, default=21, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path(), help="for benchmarks.json and benchmarks.png")
    options = parser.parse_args()
    machine = {
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "optax": optax.__version__,
    }
    print(", ".join(f"{name} {value}" for name, value in machine.items()), "\n")
    results: report.Results = {}
    for tree in options.tree:
        results[tree] = measure(tree, options.rounds)
        print(report.table(tree, results[tree]), "\n", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    report.write_json(options.out / "benchmarks.json", machine, results)
    report.write_picture(options.out / "benchmarks.png", results)


if __name__ == "__main__":
    main()

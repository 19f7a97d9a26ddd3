"""Times gradtx, Optax and PyTorch: `python -m benchmarks [--tree NAME ...] [--work NAME ...]`."""

import argparse
import os
import platform
from pathlib import Path
from typing import Any

import jax
import optax

import gradtx
from benchmarks import contestants, report
from benchmarks.bandwidth import triad
from benchmarks.trees import TREES, parameters
from benchmarks.work import WORK, torch_works, works


def measure(tree: str, work: str, rounds: int, torch: Any) -> dict[str, dict[str, float]]:
    """The figures of every library that has this optimizer, on this tree."""
    params = parameters(TREES[tree]())
    build = WORK[work]
    racing = [
        contestants.in_one_jit("gradtx", gradtx, build(gradtx), params),
        contestants.in_one_jit("optax", optax, build(optax), params),
        contestants.through_the_stepper(build(gradtx), params),
    ]
    if torch is not None and work in (made := torch_works(torch)):
        clips = work.startswith("clip")
        racing += [
            contestants.of_torch(torch, name, made[work], clips, params) for name in ("fused", "foreach")
        ]
    contestants.race(racing, rounds)
    return {contestant.name: contestant.measures() for contestant in racing}


def machine() -> dict[str, Any]:
    """The machine and the versions of the measured libraries."""
    return {
        "device": jax.devices()[0].device_kind,
        "processor": report.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "optax": optax.__version__,
    }


def pytorch() -> Any:
    """PyTorch, if it is installed and JAX runs on the processor."""
    if jax.default_backend() != "cpu":
        return None
    try:
        import torch  # noqa: PLC0415 - optional
    except ImportError:
        return None
    torch.set_num_threads(os.cpu_count() or 1)
    return torch


def main() -> None:
    """Measures, prints the table of each tree when it is done, and writes the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--tree", nargs="+", choices=TREES, default=list(TREES), help="default: all")
    parser.add_argument("--work", nargs="+", choices=WORK, help="default: all that fit the tree")
    parser.add_argument("--rounds", type=int, default=21, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path(), help="a folder for the figures and the picture")
    options = parser.parse_args()
    torch = pytorch()
    figures = machine() | {"torch": getattr(torch, "__version__", "not installed")}
    figures["triad"] = triad()
    print(", ".join(f"{name} {value}" for name, value in figures.items()), "\n")
    results: report.Results = {}
    for tree in options.tree:
        results[tree] = {
            work: measure(tree, work, options.rounds, torch) for work in options.work or works(tree)
        }
        print(report.table(tree, results[tree], figures["triad"]), "\n", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    report.write_json(options.out / "benchmarks.json", figures, results)
    report.write_markdown(options.out / "benchmarks.md", figures, results)
    report.write_picture(options.out / "benchmarks.png", results)


if __name__ == "__main__":
    main()

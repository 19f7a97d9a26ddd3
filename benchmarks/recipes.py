"""The recipes against sweeps: `python -m benchmarks.recipes [--recipe NAME ...] [--seeds N] [--out FOLDER]`.

Each recipe trains two small tasks from three seeds, and so do eleven others with its optimizer at rates from
a 64th to 32 times that of the recipe. The recipe counts as good within two standard errors of the best.
Figures of other recipes in the folder stay.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.__main__ import machine
from benchmarks.recipe_tasks import ARCHITECTURE, TASKS, Task
from gradtx import practice
from gradtx.practice import rates_of
from gradtx.practice._recipes import RECIPES

FACTORS = 2.0 ** np.arange(-6, 6)
OWN = 6  # the index of the recipe itself


def rate_of(tx: Any) -> float:
    """The peak rate of an optimizer; 1 for one that searches for its steps."""
    try:
        return rates_of(tx).reference
    except ValueError:
        return 1.0


def measure(name: str, task: Task, seeds: int) -> dict[str, Any]:
    """The final loss of each member and seed, with the rates."""
    options: dict[str, Any] = {"steps": task.steps}
    if "batch_size" in RECIPES[name].uses:
        options["batch_size"] = task.batch_size
    if "batch_tokens" in RECIPES[name].uses:
        options["batch_tokens"] = task.batch_size * ARCHITECTURE.context
    if task.new:
        options["new"] = task.new
    shapes = jax.eval_shape(task.init, jax.random.key(0))
    rates = rate_of(practice.recipe(name, shapes, **options)) * FACTORS

    def make(learning_rate: float) -> Any:
        return practice.recipe(name, shapes, learning_rate=learning_rate, **options)

    swept = practice.sweep(make, learning_rate=rates.tolist())
    training: dict[str, Any] = {"steps": task.steps, "eval_fn": task.eval_fn, "seeds": seeds}
    history = practice.train(task.loss_fn, task.init, swept, task.batches, **training).history
    return {"rates": rates.tolist(), "losses": np.asarray(history["validation"][..., -1], float).tolist()}


def judged(run: dict[str, Any]) -> dict[str, Any]:
    """The recipe and the best member: means, standard errors, and their difference in standard errors."""
    losses = np.array(run["losses"])
    means = np.where(np.isfinite(losses).all(1), losses.mean(1), np.inf)
    errors = losses.std(1, ddof=1) / losses.shape[1] ** 0.5
    best = int(means.argmin())
    error = float(np.hypot(errors[OWN], errors[best]))
    distance = 0.0 if best == OWN else float((means[OWN] - means[best]) / max(error, 1e-12))
    return {
        "rate": run["rates"][OWN], "loss": means[OWN], "error": errors[OWN],
        "best rate": run["rates"][best], "best": means[best], "best error": errors[best],
        "distance": distance,
    }  # fmt: skip


def table(runs: list[dict[str, Any]]) -> str:
    """A row for each recipe and task."""
    lines = [
        "| recipe | task | rate | loss | best rate | best loss | standard errors |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for run in runs:
        own = judged(run)
        best = f"{own['best rate']:.2g} | {own['best']:.4g} ± {own['best error']:.1g}"
        lines.append(
            f"| {run['recipe']} | {run['task']} | {own['rate']:.2g} | {own['loss']:.4g} ± {own['error']:.1g} "
            f"| {best} | {own['distance']:.1f} |"
        )
    return "\n".join(lines)


def kept(path: Path, measured: list[str]) -> list[dict[str, Any]]:
    """The runs in a file of figures, but for those of the recipes that are measured now."""
    runs = json.loads(path.read_text())["runs"] if path.exists() else []
    return [run for run in runs if run["recipe"] not in measured]


def title(make: Any) -> str:
    """The name of a task."""
    called = getattr(make, "func", make)
    inside = [one.__name__.strip("_") for one in getattr(make, "args", ()) if callable(one)]
    return " of ".join([called.__name__.strip("_").replace("_", " "), *inside])


def main() -> None:
    """Measures, prints the table, and writes the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes", description=__doc__)
    parser.add_argument("--recipe", nargs="+", choices=TASKS, default=list(TASKS), help="default: all")
    parser.add_argument("--task", nargs="+", type=int, choices=(0, 1), default=(0, 1), help="default: both")
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path(), help="a folder for the figures")
    options = parser.parse_args()
    runs = kept(options.out / "recipes.json", options.recipe)
    for name in options.recipe:
        for index in options.task:
            begun, make = time.perf_counter(), TASKS[name][index]
            run = {"recipe": name, "task": title(make), "tuned": index == 0}
            runs.append(run | measure(name, make(), options.seeds))
            print(table(runs[-1:]).splitlines()[-1], f"{time.perf_counter() - begun:.0f} s", flush=True)
    runs.sort(key=lambda run: list(TASKS).index(run["recipe"]))
    good = sum(judged(run)["distance"] <= 2 for run in runs)
    print(f"{good} of {len(runs)} within two standard errors")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "recipes.md").write_text(table(runs) + "\n")
    (options.out / "recipes.json").write_text(
        json.dumps({"machine": machine(), "runs": runs}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()

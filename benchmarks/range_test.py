"""The learning-rate range test against sweeps: `python -m benchmarks.range_test [--seed N] [--out FOLDER]`.

Six optimizers train three small tasks from five seeds, for 300 steps at each rate of a grid. The best rate is
the one with the least loss on other data at the end. A suggestion counts as good within a factor of 3 of it;
a range test without an interval counts as a miss.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import gradtx
from benchmarks.__main__ import machine
from gradtx import practice
from gradtx.cli.language_model import Architecture, init_params, loss
from gradtx.cli.text import Corpus, python_topics

STEPS, BATCHES, SEEDS = 300, 300, 5
RATES = 10.0 ** np.arange(-5, 1.51, 0.25)
RULES = ("sweep", "min/10", "steepest", "valley")
OPTIMIZERS: dict[str, Callable[[Any], gradtx.GradientTransformation]] = {
    "sgd": gradtx.sgd,
    "momentum": gradtx.momentum,
    "rmsprop": gradtx.rmsprop,
    "adamw": gradtx.adamw,
    "lion": gradtx.lion,
    "muon": gradtx.muon,
}


class Task(NamedTuple):
    """A loss of parameters and a batch, the first parameters, batches, and one large batch of other data."""

    loss_fn: Callable[[Any, Any], Any]
    params: Any
    batches: Any
    validation: Any


def layers(random: np.random.Generator, widths: tuple[int, ...]) -> list[dict[str, Any]]:
    """Layers with the initialization of He."""
    return [
        {
            "kernel": jnp.asarray(random.standard_normal((m, n)) * (2 / m) ** 0.5, jnp.float32),
            "bias": jnp.zeros(n),
        }
        for m, n in pairwise(widths)
    ]


def network(params: Any, x: Any) -> Any:
    """A network with ReLUs between the layers."""
    *hidden, last = params
    for layer in hidden:
        x = jax.nn.relu(x @ layer["kernel"] + layer["bias"])
    return x @ last["kernel"] + last["bias"]


def cross_entropy(params: Any, batch: Any) -> Any:
    x, labels = batch
    return jnp.mean(gradtx.softmax_cross_entropy_with_integer_labels(network(params, x), labels))


def squared_error(params: Any, batch: Any) -> Any:
    x, y = batch
    return jnp.mean((network(params, x)[:, 0] - y) ** 2)


def classification(seed: int) -> Task:
    """Ten classes of points, four centers each: an MLP with two hidden layers of 64."""
    random = np.random.default_rng((seed, 1))
    centers = random.standard_normal((10, 4, 32))

    def draw(*shape: int) -> tuple[Any, Any]:
        labels = random.integers(10, size=shape)
        x = centers[labels, random.integers(4, size=shape)] + random.standard_normal((*shape, 32))
        return jnp.asarray(x, jnp.float32), jnp.asarray(labels)

    return Task(cross_entropy, layers(random, (32, 64, 64, 10)), draw(BATCHES, 64), draw(4096))


def regression(seed: int) -> Task:
    """A random network of 8 units plus noise of half its size: an MLP with a hidden layer of 32."""
    random = np.random.default_rng((seed, 2))
    teacher = layers(random, (8, 8, 1))

    def draw(*shape: int) -> tuple[Any, Any]:
        x = jnp.asarray(random.standard_normal((*shape, 8)), jnp.float32)
        y = network(teacher, x)[..., 0]
        return x, y + jnp.asarray(0.5 * random.standard_normal(shape), jnp.float32)

    return Task(squared_error, layers(random, (8, 32, 1)), draw(BATCHES, 32), draw(4096))


ARCHITECTURE = Architecture(context=16, width=32, depth=1, heads=2)
language_loss = partial(loss, ARCHITECTURE)


def language(seed: int) -> Task:
    """The next character of the help topics of Python: a transformer with one block of width 32."""
    corpus = Corpus.of(python_topics(), ARCHITECTURE.context)
    params = init_params(np.random.default_rng((seed, 3)), ARCHITECTURE, len(corpus.vocabulary))
    batches = np.stack(list(islice(corpus.batches(8, ARCHITECTURE.context, seed), BATCHES)))
    return Task(language_loss, params, batches, corpus.validation_batch(ARCHITECTURE.context)[:256])


TASKS = {"classification": classification, "regression": regression, "language": language}


@partial(jax.jit, static_argnames=("make", "loss_fn"))
def swept(make: Any, loss_fn: Any, params: Any, batches: Any, validation: Any) -> Any:
    """The validation loss after training at each rate."""

    def trained(tx: gradtx.GradientTransformation) -> Any:
        def step(carry: Any, batch: Any) -> tuple[Any, None]:
            params, state = carry
            updates, state = tx.update(jax.grad(loss_fn)(params, batch), state, params)
            return (gradtx.apply_updates(params, updates), state), None

        (last, _), _ = jax.lax.scan(step, (params, tx.init(params)), batches)
        return loss_fn(last, validation)

    return jax.vmap(trained)(jax.vmap(make)(jnp.asarray(RATES, jnp.float32)))


def best_rate(make: Any, task: Task) -> float:
    """The rate of the grid with the least validation loss."""
    losses = np.asarray(swept(make, task.loss_fn, task.params, task.batches, task.validation))
    return float(RATES[np.nan_to_num(losses, nan=np.inf).argmin()])


def suggestions(make: Any, task: Task) -> dict[str, float | None]:
    """The rate of each rule; `None` for no interval."""
    result = practice.lr_range_test(task.loss_fn, task.params, make(1e-3), task.batches)
    found: dict[str, float | None] = {}
    for rule in RULES:
        try:
            found[rule] = result.suggest(rule)
        except practice.NoIntervalError as error:
            print(error)
            found[rule] = None
    return found


def measure(first_seed: int) -> list[dict[str, Any]]:
    """For each run its optimizer, task and seed, the best rate, and the suggestion of each rule."""
    runs: list[dict[str, Any]] = []
    for task_name, make_task in TASKS.items():
        for seed in range(first_seed, first_seed + SEEDS):
            task = make_task(seed)
            for name, make in OPTIMIZERS.items():
                run = {"task": task_name, "optimizer": name, "seed": seed, "best": best_rate(make, task)}
                runs.append(run | suggestions(make, task))
                print(runs[-1], flush=True)
    return runs


def factor(run: dict[str, Any], rule: str) -> float:
    """The factor between the suggestion and the best rate, at least 1; infinite without a suggestion."""
    return float("inf") if run[rule] is None else max(run[rule] / run["best"], run["best"] / run[rule])


def seconds() -> float:
    """The time of a range test of AdamW on the classifier, with the compilation."""
    task = classification(0)
    jax.clear_caches()
    begun = time.perf_counter()
    practice.lr_range_test(task.loss_fn, task.params, gradtx.adamw(1e-3), task.batches).suggest()
    return time.perf_counter() - begun


def spread(numbers: list[float]) -> str:
    """The least and the greatest number."""
    return f"{min(numbers):.1g} to {max(numbers):.1g}" if numbers else "none"


def table(runs: list[dict[str, Any]], rule: str) -> str:
    """A row for each task and optimizer."""
    lines = [
        "| task | optimizer | best rate of the sweep | suggested | greatest factor | within 3 |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for task in TASKS:
        for name in OPTIMIZERS:
            own = [run for run in runs if run["task"] == task and run["optimizer"] == name]
            factors = [factor(run, rule) for run in own]
            good = sum(one <= 3 for one in factors)
            found = [run[rule] for run in own if run[rule] is not None]
            lines.append(
                f"| {task} | {name} | {spread([run['best'] for run in own])} | {spread(found)} "
                f"| {max(factors):.1f} | {good} of {len(own)} |"
            )
    return "\n".join(lines)


def rules_table(runs: list[dict[str, Any]]) -> str:
    """A row for each rule."""
    lines = [
        "| rule | within 3 | 3 to 10 | beyond 10 | no interval | median of suggested / best |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for rule in RULES:
        factors = np.array([factor(run, rule) for run in runs])
        good, far = np.sum(factors <= 3), np.sum((factors > 10) & np.isfinite(factors))
        none = np.sum(np.isinf(factors))
        ratio = np.median([run[rule] / run["best"] for run in runs if run[rule] is not None])
        between = len(runs) - good - far - none
        lines.append(f"| `{rule}` | {good} of {len(runs)} | {between} | {far} | {none} | {ratio:.2f} |")
    return "\n".join(lines)


def write_picture(path: Path) -> None:
    """Draws the range tests of AdamW and of gradient descent on the classifier."""
    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    task = classification(0)
    for axes, name in zip(figure.subplots(1, 2, sharey=True), ("adamw", "sgd"), strict=True):
        practice.lr_range_test(task.loss_fn, task.params, OPTIMIZERS[name](1e-3), task.batches).plot(axes)
        axes.set_title(name)
    figure.savefig(path)


def main() -> None:
    """Measures, prints the tables, and writes the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.range_test", description=__doc__)
    parser.add_argument("--seed", type=int, default=100, help="the first of five; default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path(), help="a folder for the figures")
    options = parser.parse_args()
    figures = {"machine": machine(), "seconds": seconds(), "first seed": options.seed}
    runs = measure(options.seed)
    print(rules_table(runs), table(runs, RULES[0]), f"{figures['seconds']:.1f} s", sep="\n\n")
    options.out.mkdir(parents=True, exist_ok=True)
    write_picture(options.out / "range-test.png")
    (options.out / "range-test-rules.md").write_text(rules_table(runs) + "\n")
    (options.out / "range-test.md").write_text(table(runs, RULES[0]) + "\n")
    (options.out / "range-test.json").write_text(json.dumps(figures | {"runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()

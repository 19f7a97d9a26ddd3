"""The numbers of steps that AdamW, Muon and SOAP need: `python -m benchmarks.language_model [--steps N]`.

Each trains the language model of the README at each learning rate of a small grid, from the same three seeds.
The measures, at the best rate of each, are the mean validation loss at the end, and the first step at which
this loss is as low as that of AdamW at the end.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

import gradtx
from gradtx.cli.concepts import MAX_NORM, warmup_cosine
from gradtx.cli.language_model import Architecture, init_params
from gradtx.cli.step import mean_loss, training_step
from gradtx.cli.text import Corpus, python_topics

ARCHITECTURE = Architecture()
BATCH_SIZE = 16
SEEDS = (0, 1, 2)
EVERY = 25  # steps between two validations
DECAY = {"weight_decay": 0.1}

Curves = dict[str, dict[str, list[list[float]]]]
"""From an optimizer and a learning rate to a curve of validation losses for each seed."""


def adamw(rate: Any) -> gradtx.GradientTransformation:
    """AdamW, for all leaves or for those beside the hidden matrices."""
    return gradtx.adamw(rate, b2=0.95, **DECAY)


OPTIMIZERS: dict[str, tuple[Callable[[Any], gradtx.GradientTransformation], tuple[float, ...]]] = {
    "AdamW": (adamw, (3e-3, 6e-3, 1.2e-2)),
    # The update has the size of AdamW's, so that one rate serves the matrices and the other leaves.
    "Muon": (
        lambda rate: gradtx.muon(rate, consistent_rms=0.2, rest=adamw(rate), **DECAY),
        (3e-3, 6e-3, 1.2e-2),
    ),
    "SOAP": (lambda rate: gradtx.soap(rate, rest=adamw(rate), **DECAY), (3e-3, 6e-3, 1.2e-2)),
    "SOAP, early refreshes": (
        lambda rate: gradtx.soap(rate, early_refreshes=True, rest=adamw(rate), **DECAY),
        (3e-3, 6e-3, 1.2e-2),
    ),
}


def curve(tx: gradtx.GradientTransformation, corpus: Corpus, seed: int, steps: int) -> Iterator[float]:
    """The validation loss after every `EVERY` steps."""
    validation = jnp.asarray(corpus.validation_batch(ARCHITECTURE.context))
    params = init_params(np.random.default_rng(seed), ARCHITECTURE, len(corpus.vocabulary))
    state = jax.tree.map(jnp.copy, tx.init(params))
    batches = corpus.batches(BATCH_SIZE, ARCHITECTURE.context, seed)
    for step, batch in enumerate(islice(batches, steps), start=1):
        params, state, _, _ = training_step(ARCHITECTURE, tx, params, state, batch)
        if step % EVERY == 0:
            yield float(mean_loss(ARCHITECTURE, gradtx.eval_params(tx, state, params), validation))


def measure(steps: int) -> Curves:
    corpus = Corpus.of(python_topics(), ARCHITECTURE.context)
    runs = [(name, rate, seed) for name, (_, rates) in OPTIMIZERS.items() for rate in rates for seed in SEEDS]
    curves: Curves = {}
    for name, rate, seed in tqdm(runs):
        make, _ = OPTIMIZERS[name]
        tx = gradtx.chain(gradtx.clip_by_global_norm(MAX_NORM), make(warmup_cosine(rate, steps)))
        curves.setdefault(name, {}).setdefault(f"{rate:g}", []).append(list(curve(tx, corpus, seed, steps)))
    return curves


def table(curves: Curves) -> str:
    """A row for each optimizer and rate, with the steps to the best final loss of AdamW."""
    finals = {
        name: {rate: [run[-1] for run in runs] for rate, runs in by_rate.items()}
        for name, by_rate in curves.items()
    }
    best = {name: min(by_rate, key=lambda rate: np.mean(by_rate[rate])) for name, by_rate in finals.items()}
    goal = np.mean(finals["AdamW"][best["AdamW"]])
    lines = [
        "| optimizer | learning rate | validation loss, mean of 3 | least to greatest | steps to AdamW's |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, by_rate in finals.items():
        for rate, losses in by_rate.items():
            reached = np.flatnonzero(np.mean(curves[name][rate], axis=0) <= goal)
            steps = str(EVERY * (reached[0] + 1)) if reached.size else "not reached"
            mark = "**" if rate == best[name] else ""
            mean, range_ = f"{mark}{np.mean(losses):.3f}{mark}", f"{min(losses):.3f} to {max(losses):.3f}"
            lines.append(f"| {name} | {rate} | {mean} | {range_} | {steps} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600, help="of each run; default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="default: %(default)s")
    options = parser.parse_args()
    curves = measure(options.steps)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "language-model.json").write_text(json.dumps({"steps": options.steps, "curves": curves}))
    (options.out / "language-model.md").write_text(table(curves) + "\n")
    print(table(curves))


if __name__ == "__main__":
    main()

"""The loss of a language model trained in few bits: `python -m benchmarks.low_precision_training`.

A smaller model of `python -m gradtx train` trains for 400 steps from three seeds. The gradients are taken at
the parameters, in bfloat16 where they are stored so. The measure is the validation loss at the end minus that
of float32 on the same seed.
"""

import argparse
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gradtx
from gradtx.cli.concepts import warmup_cosine
from gradtx.cli.language_model import Architecture, init_params, loss
from gradtx.cli.step import mean_loss
from gradtx.cli.text import Corpus, python_topics

ARCHITECTURE = Architecture(context=32, width=64, depth=2)
SEEDS = (0, 1, 2)
STEPS = 400


def everywhere(tx: Any, **formats: Any) -> Any:
    """`tx` with the averages of all leaves stored."""
    return gradtx.quantized(tx, formats or None, min_size=0)


nearest = gradtx.formats.bfloat16(stochastic=False)
VARIANTS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "float32": (jnp.float32, lambda tx: tx),
    "state: `int8`, `uint8` (the default)": (jnp.float32, everywhere),
    "state: `dynamic8` for both": (
        jnp.float32,
        partial(everywhere, mu=gradtx.formats.dynamic8(True), nu=gradtx.formats.dynamic8(False)),
    ),
    "state: `bfloat16`, to nearest": (jnp.float32, partial(everywhere, mu=nearest, nu=nearest)),
    "parameters: `split_params`, 16 bits": (jnp.bfloat16, gradtx.split_params),
    "parameters: `split_params`, 8 bits": (jnp.bfloat16, partial(gradtx.split_params, bits=8)),
    "parameters: `round_stochastically`": (jnp.bfloat16, gradtx.round_stochastically),
    "parameters: bfloat16, to nearest": (jnp.bfloat16, lambda tx: tx),
    "both: `split_params` and the default state": (
        jnp.bfloat16,
        lambda tx: gradtx.split_params(everywhere(tx)),
    ),
}


@partial(jax.jit, donate_argnums=(1, 2))
def step(tx: Any, params: Any, state: Any, batch: Any) -> Any:
    """The next parameters and state."""
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
    gradients = jax.grad(partial(loss, ARCHITECTURE))(wide, batch)
    updates, state = tx.update(gradients, state, params)
    return gradtx.apply_updates(params, updates), state


def final_loss(dtype: Any, wrap: Callable[[Any], Any], corpus: Corpus, seed: int) -> float:
    """The validation loss after the last step."""
    params = init_params(np.random.default_rng(seed), ARCHITECTURE, len(corpus.vocabulary))
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), params)
    tx = wrap(gradtx.adamw(warmup_cosine(3e-3, STEPS)))
    state = jax.tree.map(jnp.copy, tx.init(params))
    for batch in islice(corpus.batches(16, ARCHITECTURE.context, seed), STEPS):
        params, state = step(tx, params, state, batch)
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), params)
    return float(mean_loss(ARCHITECTURE, wide, jnp.asarray(corpus.validation_batch(ARCHITECTURE.context))))


def main() -> None:
    """Prints the table, and writes it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.low_precision_training", description=__doc__)
    parser.add_argument("--out", type=Path, help="the file to write")
    options = parser.parse_args()
    corpus = Corpus.of(python_topics(), ARCHITECTURE.context)
    lines = ["| training | validation loss | minus float32's, mean | of each seed |", "|---|---:|---:|---|"]
    exact = np.zeros(len(SEEDS))
    for name, (dtype, wrap) in VARIANTS.items():
        losses = np.array([final_loss(dtype, wrap, corpus, seed) for seed in SEEDS])
        exact = losses if name == "float32" else exact
        apart = losses - exact
        each = ", ".join(f"{number:+.4f}" for number in apart)
        lines.append(f"| {name} | {losses.mean():.4f} | {apart.mean():+.4f} | {each} |")
        print(lines[-1], flush=True)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

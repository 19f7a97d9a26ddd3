"""A training run: its output, the loop over the steps, and its end."""

import math
import sys
import textwrap
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np

import gradtx
from gradtx.cli.arguments import Options
from gradtx.cli.calibration import BATCHES, STEP_SIZE, calibrated_learning_rate
from gradtx.cli.catalogue import own_learning_rate, takes_schedule
from gradtx.cli.concepts import DEFAULT_LEARNING_RATE, chained, concepts_of, described, warmup_cosine
from gradtx.cli.language_model import Architecture, Params, generate, init_params
from gradtx.cli.picture import History, write_picture
from gradtx.cli.progress import Progress
from gradtx.cli.step import mean_loss, training_step
from gradtx.cli.text import Corpus

PICTURE = "gradtx-train.png"

_VALIDATIONS = 5  # in a run, after the one before the first step
_SAMPLE_LENGTH = 400  # characters


def train(options: Options, architecture: Architecture) -> int:
    """Trains a model, prints the results and writes a picture. Returns the exit code."""
    random = np.random.default_rng(options.seed)
    params = init_params(random, architecture, len(options.corpus.vocabulary))
    print_task(options.corpus, architecture, params)

    peak = _peak(options, architecture, params)
    follows = options.optimizer is None or takes_schedule(options.optimizer)
    schedule = warmup_cosine(peak, options.steps) if follows else gradtx.constant_schedule(peak)
    concepts = concepts_of(options.optimizer, schedule if follows else peak, options.weight_decay)
    tx = chained(concepts)
    print(f"\n{described(concepts)}\n\n{gradtx.summary(tx, params)}\n")

    history = History()
    problem, code = "", 0
    try:
        params = _fit(tx, schedule, params, options, architecture, history)
        _print_result(options.corpus, architecture, params, options.seed, history)
    except FloatingPointError as error:
        problem, code = f"diverged: {error}", 1
    except KeyboardInterrupt:
        problem, code = f"interrupted after {len(history.loss)} of {options.steps} steps", 130
    if history.loss:
        path = options.out / PICTURE
        write_picture(history, _title(options), path)
        print(f"\nPicture: {path}")
    if problem:
        print(f"gradtx train: {problem}", file=sys.stderr)
    return code


def _fit(
    tx: gradtx.GradientTransformation,
    schedule: gradtx.Schedule,
    params: Params,
    options: Options,
    architecture: Architecture,
    history: History,
) -> Params:
    """The parameters to evaluate after all steps. `history` has the values of each step, also after an error.

    Raises:
      FloatingPointError: for a loss that is not finite.
    """
    batches = options.corpus.batches(options.batch_size, architecture.context, options.seed)
    validation = jnp.asarray(options.corpus.validation_batch(architecture.context))
    interval = max(1, options.steps // _VALIDATIONS)
    rates = np.asarray(schedule(np.arange(options.steps))).tolist()
    # Copies, since a state may contain the parameters, and no array can be donated twice.
    state = jax.tree.map(jnp.copy, tx.init(params))

    history.validation.append((0, _finite(mean_loss(architecture, params, validation), 0)))
    with Progress(options.steps) as progress:
        for step, (rate, batch) in enumerate(zip(rates, batches, strict=False), start=1):
            params, state, value, norm = training_step(architecture, tx, params, state, batch)
            history.loss.append(_finite(value, step))
            history.learning_rate.append(rate)
            progress.show(step, history.loss[-1], rate, float(norm))
            if step % interval == 0 or step == options.steps:
                value = mean_loss(architecture, gradtx.eval_params(tx, state, params), validation)
                history.validation.append((step, _finite(value, step)))
    return gradtx.eval_params(tx, state, params)


def _finite(loss: jax.Array, step: int) -> float:
    number = float(loss)
    if not math.isfinite(number):
        raise FloatingPointError(f"the loss is {number} at step {step}; try a lower --learning-rate")
    return number


def _peak(options: Options, architecture: Architecture, params: Params) -> float:
    """The peak of the learning rate: from the user, else from the optimizer, else measured."""
    factory = options.optimizer
    if options.learning_rate is not None:
        return options.learning_rate
    if factory is None:
        return DEFAULT_LEARNING_RATE
    if (own := own_learning_rate(factory)) is not None:
        return own
    tx = chained(concepts_of(factory, 1.0, options.weight_decay))
    batches = options.corpus.batches(options.batch_size, architecture.context, options.seed)
    some = jnp.asarray(np.stack(list(islice(batches, BATCHES))))
    peak = calibrated_learning_rate(tx, architecture, params, some)
    print(f"Learning rate: {peak:g}, measured: there a step moves a parameter by about {STEP_SIZE:g}")
    return peak


def print_task(corpus: Corpus, architecture: Architecture, params: Params) -> None:
    """Prints the sizes of the text and of the model."""
    training, validation = len(corpus.training), len(corpus.validation)
    print(
        f"Text: {training:,} characters to learn from and {validation:,} to validate on, "
        f"{len(corpus.vocabulary)} different ones"
    )
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    print(
        f"Model: transformer with {size:,} parameters, {architecture.depth} blocks of width "
        f"{architecture.width}, a context of {architecture.context} characters"
    )


def _print_result(
    corpus: Corpus, architecture: Architecture, params: Params, seed: int, history: History
) -> None:
    (_, before), *_, (_, after) = history.validation
    print(f"\nValidation loss: {before:.3f} before, {after:.3f} after, in nats a character")
    prompt = jnp.asarray(corpus.validation[: architecture.context])
    sample = generate(architecture, params, prompt, jax.random.key(seed), length=_SAMPLE_LENGTH)
    print(f"\nThe model reads, from the validation text,\n\n{_quoted(corpus.decode(prompt))}")
    print(f"\nand goes on:\n\n{_quoted(corpus.decode(sample))}")


def _quoted(text: str) -> str:
    """`text` after a margin, without characters that control the terminal."""
    shown = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return textwrap.indent(shown, "  | ", predicate=lambda line: True)


def _title(options: Options) -> str:
    name = "clipping, Adam, weight decay" if options.optimizer is None else options.optimizer.__name__
    return f"gradtx train: {name}"

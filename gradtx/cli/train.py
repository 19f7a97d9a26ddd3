"""Trains a small character-level transformer on text, and shows its optimizer at work."""

import argparse
import sys
import textwrap
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import gradtx
from gradtx.cli.arguments import add_integer, add_optimizer, add_text
from gradtx.cli.calibration import peak_rate
from gradtx.cli.catalogue import OptimizerFactory, takes_schedule, takes_weight_decay
from gradtx.cli.concepts import MAX_NORM, chained, concepts_of, described, warmup_cosine
from gradtx.cli.converters import UsageError, argument, number, writable_directory, writable_file
from gradtx.cli.expression import schedule_of
from gradtx.cli.language_model import Architecture, Params, generate
from gradtx.cli.picture import write_picture
from gradtx.cli.task import BATCH_SIZE, Task
from gradtx.cli.training import DivergedError, Record, fit

PICTURE = "gradtx-train.png"

_SAMPLE_LENGTH = 400  # characters


class Options(argparse.Namespace):
    """The arguments."""

    text: Path | None
    optimizer: OptimizerFactory | None  # None: the default chain of `gradtx.cli.concepts`
    learning_rate: float | None  # at its peak; None: the default
    schedule: gradtx.Schedule | None  # of the learning rate; None: a warmup and a cosine
    weight_decay: float | None  # None: the default
    clip: float
    accumulate: int
    dtype: str
    steps: int
    batch_size: int
    seed: int
    out: Path
    save_history: Path | None


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_text(parser)
    add_integer(parser, "--steps", 1, 10**7, 1000, "batches to learn from")
    add_integer(parser, "--batch-size", 1, 2**12, BATCH_SIZE, "sequences in a step")
    add_integer(parser, "--seed", 0, 2**32 - 1, 0, "of the initial parameters, the batches and the sample")
    add = parser.add_argument
    words = "of the parameters and the gradients; default: %(default)s"
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help=words)
    words = "where to write the picture of the run; default: the current directory"
    add("--out", type=argument(writable_directory), default=".", metavar="DIR", help=words)
    words = "a file for the losses, rates and norms of all steps, whose name ends in .csv or .json"
    add("--save-history", type=writable_file(".csv", ".json"), metavar="FILE", help=words)
    _add_optimizer_arguments(parser)


def _add_optimizer_arguments(parser: argparse.ArgumentParser) -> None:
    add_optimizer(parser)
    add = parser.add_argument
    words = "at its peak, after the warmup; default: what suits the optimizer"
    add("--learning-rate", type=number(above=0.0), metavar="RATE", help=words)
    words = "the learning rate, such as 'cosine_decay_schedule(1e-3, 1000)'; default: a warmup and a cosine"
    add("--schedule", type=argument(schedule_of), metavar="EXPR", help=words)
    words = "decoupled from the gradient; default: 0.1, or that of the optimizer named"
    add("--weight-decay", type=number(low=0.0), metavar="DECAY", help=words)
    words = "the norm from which gradients are clipped, 0 for no clipping; default: %(default)g"
    add("--clip", type=number(low=0.0), default=MAX_NORM, metavar="NORM", help=words)
    add_integer(parser, "--accumulate", 1, 10**4, 1, "batches of which an update averages the gradients")


def run(options: Options, architecture: Architecture) -> int:
    """Trains a model, prints the results and writes a picture. Returns the exit code."""
    _check(options)
    task = Task.of(
        options.text,
        architecture,
        batch_size=options.batch_size,
        seed=options.seed,
        dtype=options.dtype,
    )
    print(task)
    rate = _learning_rate(options, task)
    concepts = concepts_of(options.optimizer, rate, options.weight_decay, options.clip)
    tx, text = chained(concepts), described(concepts)
    if options.accumulate > 1:
        tx = gradtx.accumulate(tx, options.accumulate)
        text = f"accumulate(\n{textwrap.indent(text, ' ' * 4)},\n    {options.accumulate},\n)"
    print(f"\n{text}\n\n{gradtx.summary(tx, task.params)}\n")
    return _train(options, task, tx, rate)


def _check(options: Options) -> None:
    """Raises for arguments that are unusable together."""
    factory = options.optimizer
    if options.weight_decay is not None and factory and not takes_weight_decay(factory):
        raise UsageError(f"argument --weight-decay: {factory.__name__} has no weight decay")
    if options.schedule is not None and factory and not takes_schedule(factory):
        raise UsageError(f"argument --schedule: {factory.__name__} takes a number as its learning rate")
    if options.schedule is not None and options.learning_rate is not None:
        raise UsageError("argument --schedule: it has the learning rate, leave out --learning-rate")
    if options.accumulate > options.steps:
        raise UsageError(f"argument --accumulate: must be at most --steps, {options.steps}")


def _learning_rate(options: Options, task: Task) -> gradtx.ScalarOrSchedule:
    """The schedule of the updates, or a number for an optimizer that takes no other."""
    if options.schedule is not None:
        return options.schedule
    peak = options.learning_rate
    if peak is None:
        peak = peak_rate(options.optimizer, task, options.weight_decay, options.clip)
    follows = options.optimizer is None or takes_schedule(options.optimizer)
    return warmup_cosine(peak, options.steps // options.accumulate) if follows else peak


def _train(
    options: Options, task: Task, tx: gradtx.GradientTransformation, rate: gradtx.ScalarOrSchedule
) -> int:
    """Trains, and reports how it ended. Returns the exit code."""
    record = Record(options.steps)
    problem, code = "", 0
    try:
        params = fit(tx, _rates(options, rate), task, record)
        _print_result(task, params, record)
    except DivergedError as error:
        remedy = "lower values in --schedule" if options.schedule else "a lower --learning-rate"
        problem, code = f"diverged: {error}; try {remedy}", 1
    except KeyboardInterrupt:
        problem, code = f"interrupted after {len(record.loss)} of {options.steps} steps", 130
    _write(options, record)
    if problem:
        print(f"gradtx train: {problem}", file=sys.stderr)
    return code


def _rates(options: Options, rate: gradtx.ScalarOrSchedule) -> list[float]:
    """The learning rate of each step: a schedule counts updates."""
    updates = np.arange(options.steps) // options.accumulate
    schedule = rate if callable(rate) else gradtx.constant_schedule(rate)
    return np.asarray(schedule(updates)).tolist()


def _write(options: Options, record: Record) -> None:
    """Writes what a run leaves, also after an error."""
    if not record.loss:
        return
    path = options.out / PICTURE
    name = "clipping, Adam, weight decay" if options.optimizer is None else options.optimizer.__name__
    write_picture(record, f"gradtx train: {name}", path)
    print(f"\nPicture: {path}")
    if options.save_history is not None:
        history, path = record.history(), options.save_history
        (history.to_csv if path.suffix == ".csv" else history.to_json)(path)
        print(f"History: {path}")


def _print_result(task: Task, params: Params, record: Record) -> None:
    (_, before), *_, (_, after) = record.validation
    print(f"\nValidation loss: {before:.3f} before, {after:.3f} after, in nats a character")
    prompt = jnp.asarray(task.corpus.validation[: task.architecture.context])
    sample = generate(task.architecture, params, prompt, jax.random.key(task.seed), length=_SAMPLE_LENGTH)
    print(f"\nThe model reads, from the validation text,\n\n{_quoted(task.corpus.decode(prompt))}")
    print(f"\nand goes on:\n\n{_quoted(task.corpus.decode(sample))}")


def _quoted(text: str) -> str:
    """`text` after a margin, without characters that control the terminal."""
    shown = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return textwrap.indent(shown, "  | ", predicate=lambda line: True)

"""Trains the model of `train` while the learning rate rises, and shows the losses."""

import argparse
import sys
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from gradtx.cli.arguments import add_integer, add_optimizer, add_picture, add_text
from gradtx.cli.catalogue import OptimizerFactory, rate_problem
from gradtx.cli.concepts import chained, concepts_of, described
from gradtx.cli.converters import UsageError, number
from gradtx.cli.language_model import Architecture, loss
from gradtx.cli.task import Task
from gradtx.practice import NoIntervalError, RangeTest, lr_range_test

_ANY_RATE = 1e-3  # the test puts others in its place


class Options(argparse.Namespace):
    """The arguments."""

    text: Path | None
    optimizer: OptimizerFactory | None
    low: float
    high: float
    steps: int
    seeds: int
    out: Path


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_text(parser)
    add_optimizer(parser)
    add, default = parser.add_argument, "default: %(default)s"
    add("--low", type=number(above=0.0), default=1e-6, metavar="RATE", help=f"the first rate; {default}")
    add("--high", type=number(above=0.0), default=10.0, metavar="RATE", help=f"the last rate; {default}")
    words = "steps from the first rate to the last, and of each run at one rate"
    add_integer(parser, "--steps", 20, 10**4, 100, words)
    add_integer(parser, "--seeds", 1, 64, 2, "orders of the batches, each with runs of its own")
    add_picture(parser, "gradtx-find-lr.png")


def run(options: Options, architecture: Architecture) -> int:
    """Runs the range test, prints the losses and writes a picture. Returns the exit code."""
    _check(options)
    task = Task.of(options.text, architecture)
    concepts = concepts_of(options.optimizer, _ANY_RATE, None)
    print(f"{task}\n\n{described(concepts)}\n")
    span = f"{options.steps} steps at rates from {options.low:g} to {options.high:g}, then 7 runs ..."
    print(f"{options.seeds} orders of the batches: {span}", file=sys.stderr, flush=True)
    result = lr_range_test(
        partial(loss, architecture),
        task.params,
        chained(concepts),
        task.batches(),
        options.low,
        options.high,
        options.steps,
        options.seeds,
    )
    return _report(result, options)


def _check(options: Options) -> None:
    if options.low >= options.high:
        raise UsageError(f"argument --high: must be above --low, {options.low:g}, got {options.high:g}")
    if options.optimizer and (problem := rate_problem(options.optimizer)):
        raise UsageError(f"argument --optimizer: {problem}")


def _report(result: RangeTest, options: Options) -> int:
    """Prints the result and writes its picture. Returns the exit code."""
    *plot, answer = str(result).splitlines()
    print("\n".join(plot))
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    result.plot(figure.subplots())
    name = "the default chain" if options.optimizer is None else options.optimizer.__name__
    figure.suptitle(f"gradtx find-lr: {name}")
    figure.savefig(options.out)
    try:
        rate = result.suggest()
    except NoIntervalError:
        print(f"\nPicture: {options.out}")
        print(f"gradtx find-lr: {answer}", file=sys.stderr)
        return 1
    chosen = "" if options.optimizer is None else f"--optimizer {options.optimizer.__name__} "
    print(f"\n{answer}\n\nTrain with it: python -m gradtx train {chosen}--learning-rate {rate:g}")
    print(f"\nPicture: {options.out}")
    return 0

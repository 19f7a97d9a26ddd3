"""Trains the model of `train` with several optimizers, each at three rates, and shows the best of each.

The rates are a third, one and three times the default rate of the optimizer, or one that is measured. Each
training has a warmup and a cosine, and is repeated with other orders of the batches.
"""

import argparse
import sys
from itertools import islice
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

import gradtx
from gradtx.cli.arguments import add_integer, add_picture, add_text
from gradtx.cli.calibration import peak_rate
from gradtx.cli.catalogue import OptimizerFactory, find_optimizer, takes_schedule
from gradtx.cli.concepts import chained, concepts_of, warmup_cosine
from gradtx.cli.converters import UsageError, argument
from gradtx.cli.facts import rules_of
from gradtx.cli.language_model import Architecture, loss
from gradtx.cli.task import Task
from gradtx.practice import Comparison, Sweep, compare, sweep

_FACTORS = (1 / 3, 1.0, 3.0)  # of the rate in the middle
_RECORDS = 10  # validations of a training
_SEQUENCES = 128  # of each: enough for two digits


class Options(argparse.Namespace):
    """The arguments."""

    text: Path | None
    optimizers: list[OptimizerFactory]
    steps: int
    seeds: int
    out: Path


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    words = "two or more names, as in the output of list"
    parser.add_argument(
        "optimizers", type=argument(find_optimizer), nargs="+", metavar="OPTIMIZER", help=words
    )
    add_text(parser)
    words = f"steps of each training, a multiple of {_RECORDS}"
    add_integer(parser, "--steps", _RECORDS, 10**5, 100, words, multiple_of=_RECORDS)
    add_integer(parser, "--seeds", 1, 64, 2, "orders of the batches, each with trainings of its own")
    add_picture(parser, "gradtx-compare.png")


def run(options: Options, architecture: Architecture) -> int:
    """Trains, prints the table and writes the picture. Returns the exit code."""
    _check(options)
    task = Task.of(options.text, architecture)
    print(task)
    sweeps = {factory.__name__: _sweep(factory, task, options.steps) for factory in options.optimizers}
    number = len(sweeps) * len(_FACTORS) * options.seeds
    print(f"{number} trainings of {options.steps} steps ...", file=sys.stderr, flush=True)
    try:
        result = _compared(sweeps, task, options)
    except ValueError as error:
        print(f"gradtx {error}", file=sys.stderr)
        return 1
    print(f"\n{result}")
    _draw(result, options.out)
    print(f"\nPicture: {options.out}")
    return 0


def _check(options: Options) -> None:
    """Raises for arguments that are unusable together."""
    names = [factory.__name__ for factory in options.optimizers]
    if len(set(names)) < max(2, len(names)):
        raise UsageError(f"argument OPTIMIZER: must be two or more different names, got {' '.join(names)}")
    # On a CPU of few cores, the batched calls of LAPACK wait for each other.
    if options.seeds > 1 and (found := [f.__name__ for f in options.optimizers if _decomposes(f)]):
        words = "on a CPU of few cores, its decompositions for several seeds may wait without an end"
        raise UsageError(f"argument --seeds: must be 1 with {found[0]}: {words}")


def _decomposes(factory: OptimizerFactory) -> bool:
    kinds = (gradtx.scale_by_soap, gradtx.scale_by_shampoo, gradtx.scale_by_galore)
    return any(isinstance(rule, kinds) for rule in rules_of(factory(1.0)))


def _sweep(factory: OptimizerFactory, task: Task, steps: int) -> Sweep:
    """The optimizer at its rates, after clipping."""
    peak, follows = peak_rate(factory, task), takes_schedule(factory)

    def made(learning_rate: float) -> gradtx.GradientTransformation:
        rate = warmup_cosine(learning_rate, steps) if follows else learning_rate
        return chained(concepts_of(factory, rate, None))

    return sweep(made, learning_rate=[float(f"{factor * peak:.2g}") for factor in _FACTORS])


def _compared(sweeps: dict[str, Sweep], task: Task, options: Options) -> Comparison:
    validation_loss = task.validation(_SEQUENCES)
    return compare(
        sweeps,
        lambda params, batch: loss(task.architecture, params, batch),
        task.params,
        jnp.asarray(np.stack(list(islice(task.batches(), options.steps)))),
        steps=options.steps,
        seeds=options.seeds,
        eval_fn=lambda params: validation_loss(params),  # noqa: PLW0108 - its data are constants
        every=options.steps // _RECORDS,
        batch_size=1,  # a model of this size keeps all cores busy by itself
    )


def _draw(result: Comparison, path: Path) -> None:
    """A picture of the losses of the best over the steps, beside the last losses of all over the rate."""
    figure = Figure(figsize=(11, 4.5), dpi=150, layout="constrained")
    losses, rates = figure.subplots(1, 2)
    result.plot(ax=losses)
    for entry in result.entries.values():
        entry.sweep.plot(entry.history, ax=rates)
    rates.set(xlabel="learning rate", xscale="log")
    rates.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    rates.xaxis.set_major_formatter("{x:g}")
    rates.minorticks_off()
    for axes in (losses, rates):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_ylabel("validation loss (nats a character)")
    figure.suptitle(f"gradtx compare: {', '.join(result.entries)}")
    figure.savefig(path)

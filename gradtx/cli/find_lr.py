"""The range test on the language model: its output and its picture."""

import sys
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from gradtx.cli.arguments import RangeOptions
from gradtx.cli.concepts import chained, concepts_of, described
from gradtx.cli.language_model import Architecture, init_params, loss
from gradtx.cli.train import print_task
from gradtx.practice import NoIntervalError, RangeTest, lr_range_test

_BATCH_SIZE = 16  # the default of `train`
_SEED = 0
_ANY_RATE = 1e-3  # the test puts others in its place


def find_lr(options: RangeOptions, architecture: Architecture) -> int:
    """Runs the range test, prints the losses and writes a picture. Returns the exit code."""
    corpus = options.corpus
    params = init_params(np.random.default_rng(_SEED), architecture, len(corpus.vocabulary))
    print_task(corpus, architecture, params)
    concepts = concepts_of(options.optimizer, _ANY_RATE, None)
    print(f"\n{described(concepts)}\n")
    span = f"{options.steps} steps at rates from {options.low:g} to {options.high:g}, then 7 runs ..."
    print(f"{options.seeds} orders of the batches: {span}", file=sys.stderr, flush=True)
    result = lr_range_test(
        partial(loss, architecture),
        params,
        chained(concepts),
        corpus.batches(_BATCH_SIZE, architecture.context, _SEED),
        options.low,
        options.high,
        options.steps,
        options.seeds,
    )
    return _report(result, options)


def _report(result: RangeTest, options: RangeOptions) -> int:
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

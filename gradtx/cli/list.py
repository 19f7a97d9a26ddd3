"""Lists every optimizer, with the bytes of its state for each parameter, a learning rate and its paper.

The bytes are those of a float32 matrix of 1024 by 1024. The rate is the default, or that of the example in
the documentation; an optimizer that finds it itself may have none. The command `show` has more.
"""

import argparse

import gradtx
from gradtx.cli.catalogue import OptimizerFactory, all_optimizers
from gradtx.cli.facts import bytes_of, example, papers_of, typical_rate
from gradtx.cli.language_model import Architecture


def add(parser: argparse.ArgumentParser) -> None:
    """Declares no arguments."""


def run(options: argparse.Namespace, architecture: Architecture) -> int:
    """Prints the table. Returns the exit code."""
    del options, architecture  # there are none, and no model is trained
    columns = ("optimizer", "bytes", "rate", "papers (arXiv)")
    rows = [_row(name, factory) for name, factory in all_optimizers().items()]
    print(gradtx.Table(columns, rows, right=columns[1:3]))
    return 0


def _row(name: str, factory: OptimizerFactory) -> tuple[str, ...]:
    tx, rate = example(factory), typical_rate(factory)
    size = f"{round(bytes_of(tx), 3):g}"
    return name, size, "finds it" if rate is None else f"{rate:g}", ", ".join(papers_of(factory, tx))

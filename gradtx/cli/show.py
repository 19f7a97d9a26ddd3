"""Shows an optimizer: its composition, its equations, and the memory that its state takes."""

import argparse
import re
from typing import Any

import jax

import gradtx
from gradtx.cli.catalogue import OptimizerFactory, find_any
from gradtx.cli.converters import argument
from gradtx.cli.facts import (
    bytes_of,
    equations_of,
    example,
    first_paragraph,
    papers_of,
    typical_rate,
    way_to_its_rate,
)
from gradtx.cli.language_model import Architecture
from gradtx.cli.memory import number_of_parameters, transformer_of
from gradtx.cli.plain_math import plain, words


class Options(argparse.Namespace):
    """The arguments."""

    optimizer: OptimizerFactory
    params: Any


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    words = "a name, as in the output of list"
    parser.add_argument("optimizer", type=argument(find_any), metavar="OPTIMIZER", help=words)
    words = "parameters, such as kernel=512x512,bias=512, or the size of a decoder, such as 125M"
    parser.add_argument("--params", type=argument(shapes_of), metavar="SHAPES", help=words)


def run(options: Options, architecture: Architecture) -> int:
    """Prints all that is known. Returns the exit code."""
    del architecture  # no model is trained
    factory = options.optimizer
    tx = example(factory)
    print(f"{words(first_paragraph(factory))}\n\n{tx}\n")
    for kind, equations in equations_of(tx).items():
        lines = [line for part in equations for line in plain(part)]
        print("\n    ".join([kind.__name__, *lines]), end="\n\n")
    print(f"State: {round(bytes_of(tx), 3):g} bytes for each parameter of a float32 matrix of 1024 by 1024")
    rate, way = typical_rate(factory), way_to_its_rate(tx)
    print(f"Learning rate: {'none' if rate is None else f'{rate:g}'}, {way or 'for example'}")
    if papers := papers_of(factory, tx):
        print(f"Papers: {', '.join(f'https://arxiv.org/abs/{paper}' for paper in papers)}")
    if options.params is not None:
        print(f"\n{gradtx.summary(tx, options.params)}")
    return 0


def shapes_of(text: str) -> dict[str, Any]:
    """The shapes in a text such as `kernel=512x512,bias=512`, or of a decoder of a size such as `125M`.

    Raises:
      ValueError: for anything else.
    """
    if re.fullmatch(r"[\d.]+[KMBkmb]", text):
        return transformer_of(number_of_parameters(text), "float32")
    shapes: dict[str, Any] = {}
    for index, part in enumerate(text.split(",")):
        name, _, shape = part.rpartition("=")
        if not re.fullmatch(r"[1-9]\d{0,8}(x[1-9]\d{0,8})*", shape):
            raise ValueError(f"must be shapes such as kernel=512x512,bias=512, or a size, got {text!r}")
        shapes[name or f"leaf{index}"] = jax.ShapeDtypeStruct(tuple(map(int, shape.split("x"))), "float32")
    return shapes

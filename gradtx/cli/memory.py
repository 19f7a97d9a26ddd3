"""Compiles a step of each optimizer on the shapes of a decoder, and shows its memory."""

import argparse
import re
from typing import Any

import jax

import gradtx
from gradtx.cli.catalogue import OptimizerFactory, find_optimizer
from gradtx.cli.converters import argument
from gradtx.cli.language_model import Architecture
from gradtx.core import bytes_in_words
from gradtx.stepping import of_jit, of_stepper

VOCABULARY = 32_000
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}


class Options(argparse.Namespace):
    """The arguments."""

    optimizers: list[OptimizerFactory]
    size: int
    dtype: str


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add = parser.add_argument
    add("optimizers", type=argument(find_optimizer), nargs="+", metavar="OPTIMIZER", help="one or more names")
    add("size", type=argument(number_of_parameters), metavar="SIZE", help="of the model, such as 125M or 7B")
    words = "of the parameters and the gradients; default: %(default)s"
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help=words)


def run(options: Options, architecture: Architecture) -> int:
    """Prints the table. Returns the exit code."""
    del architecture  # the decoder has the size that is asked for
    print(memory_table(options.optimizers, options.size, options.dtype))
    return 0


def number_of_parameters(text: str) -> int:
    """A number such as `125M` or `7B`.

    Raises:
      ValueError: for anything else, and for less than 10 million or more than a trillion.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMB]?)", text.strip().upper())
    number = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if not 10**7 <= number <= 10**12:
        raise ValueError(f"must be a number of parameters from 10M to 1000B, got {text!r}")
    return number


def transformer_of(size: int, dtype: str) -> dict[str, Any]:
    """The shapes of a decoder of about `size` parameters, 128 times as wide as it is deep."""

    def shapes(depth: int) -> dict[str, Any]:
        width = 128 * depth
        layer = dict.fromkeys(("query", "key", "value", "output"), (width, width))
        layer |= {"up": (width, 4 * width), "down": (4 * width, width), "norm1": (width,), "norm2": (width,)}
        ends = {"embedding": (VOCABULARY, width), "norm": (width,), "unembedding": (width, VOCABULARY)}
        return {f"layer{index}": layer for index in range(depth)} | ends

    depth = min(
        range(1, 180), key=lambda depth: abs(12 * 128**2 * depth**3 + 256 * VOCABULARY * depth - size)
    )
    return jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(shape, dtype),
        shapes(depth),
        is_leaf=lambda node: isinstance(node, tuple),
    )


def memory_table(optimizers: list[OptimizerFactory], size: int, dtype: str) -> gradtx.Table:
    """The bytes of a step of each optimizer on a decoder of about `size` parameters."""
    params = transformer_of(size, dtype)
    header = ("optimizer", "parameters", "gradients", "state", "in jax.jit", "peak", "Stepper", "its peak")
    rows = [_row(factory, params) for factory in optimizers]
    return gradtx.Table(header, rows, right=header[1:])


def _row(factory: OptimizerFactory, params: Any) -> tuple[str, ...]:
    tx = factory(1e-3)
    jitted, stepped = of_jit(tx, params), of_stepper(tx, params)
    numbers = (*jitted, jitted.peak, stepped.temporaries, stepped.peak)
    return factory.__name__, *map(bytes_in_words, numbers)

"""The arguments that several commands share."""

import argparse
from pathlib import Path
from typing import Any

from gradtx.cli.catalogue import find_optimizer
from gradtx.cli.converters import argument, integer, writable_file


def add_text(parser: argparse.ArgumentParser) -> None:
    """Adds `--text`."""
    words = "what to learn; default: the help topics of Python"
    parser.add_argument("--text", type=Path, metavar="FILE", help=words)


def add_optimizer(parser: argparse.ArgumentParser) -> None:
    """Adds `--optimizer`, of which `None` is the default chain of `gradtx.cli.concepts`."""
    parser.add_argument(
        "--optimizer",
        type=argument(find_optimizer),
        metavar="NAME",
        help="a name in the output of list; default: clipping, Adam and weight decay, chained one by one",
    )


def add_integer(
    parser: argparse.ArgumentParser, name: str, low: int, high: int, default: int, words: str, **more: Any
) -> None:
    """Adds a whole number with its default."""
    words = f"{words}; default: %(default)s"
    parser.add_argument(name, type=integer(low, high, **more), default=default, metavar="N", help=words)


def add_picture(parser: argparse.ArgumentParser, name: str) -> None:
    """Adds `--out`, the picture to write."""
    words = "the picture to write, a PNG file; default: %(default)s"
    parser.add_argument("--out", type=writable_file(".png"), default=name, metavar="PNG", help=words)

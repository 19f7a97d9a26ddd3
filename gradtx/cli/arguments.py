"""The arguments of `gradtx train`. An unusable argument ends in one line on stderr and exit code 2."""

import argparse
import math
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gradtx.cli.catalogue import OptimizerFactory, find_optimizer, known_optimizers, takes_weight_decay
from gradtx.cli.text import Corpus, python_topics, read_text


@dataclass(frozen=True)
class Options:
    """The validated arguments of the user."""

    corpus: Corpus
    optimizer: OptimizerFactory | None  # None: the default chain of `gradtx.cli.concepts`
    learning_rate: float | None  # at its peak; None: the default
    weight_decay: float | None  # None: the default
    steps: int
    batch_size: int
    seed: int
    out: Path


def parse(argv: Sequence[str] | None, context: int) -> Options:
    """The options in `argv`, for a model with a context of `context` characters.

    Raises:
      SystemExit: with code 2 for an unusable argument, after one line on stderr with the reason.
    """
    parser = _OneLineParser(prog="gradtx", description="Gradient transformations for JAX.")
    commands = parser.add_subparsers(metavar="command", required=True, parser_class=_OneLineParser)
    train = commands.add_parser(
        "train",
        help="train a small character-level language model",
        description="Trains a small character-level transformer on text, and shows its optimizer at work.",
    )
    _add_run_arguments(train)
    _add_optimizer_arguments(train)
    chosen = vars(parser.parse_args(argv))
    factory: OptimizerFactory | None = chosen["optimizer"]
    if chosen["weight_decay"] is not None and factory and not takes_weight_decay(factory):
        train.error(f"argument --weight-decay: {factory.__name__} has no weight decay")
    path: Path | None = chosen.pop("text")
    try:
        corpus = Corpus.of(python_topics() if path is None else read_text(path), context)
    except ValueError as error:
        train.error(f"argument --text: {path or 'pydoc_data.topics'}: {error}")
    return Options(corpus=corpus, **chosen)


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--text", type=Path, metavar="FILE", help="what to learn; default: the help topics of Python")
    add(
        "--steps",
        type=_integer(1, 10**7),
        default=1000,
        metavar="N",
        help="updates to make; default: %(default)s",
    )
    add(
        "--batch-size",
        type=_integer(1, 2**12),
        default=16,
        metavar="N",
        help="sequences in a step; default: %(default)s",
    )
    help_of_seed = "of the initial parameters, the batches and the sample; default: %(default)s"
    add("--seed", type=_integer(0, 2**32 - 1), default=0, metavar="N", help=help_of_seed)
    help_of_out = "where to write the picture of the run; default: the current directory"
    add("--out", type=_argument(_writable_directory), default=".", metavar="DIR", help=help_of_out)


def _add_optimizer_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--optimizer",
        type=_argument(find_optimizer),
        metavar="NAME",
        help=f"{', '.join(known_optimizers())}; default: clipping, Adam and weight decay, chained one by one",
    )
    add(
        "--learning-rate",
        type=_number(above=0.0),
        metavar="RATE",
        help="at its peak, after the warmup; default: what suits the optimizer",
    )
    add(
        "--weight-decay",
        type=_number(low=0.0),
        metavar="DECAY",
        help="decoupled from the gradient; default: 0.1, or that of the optimizer named",
    )


class _OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage above it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def _argument(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """`convert` with errors whose messages argparse shows."""

    def converted(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return converted


def _number(*, low: float = -math.inf, above: float = -math.inf) -> Callable[[str], float]:
    def convert(text: str) -> float:
        with suppress(ValueError):
            number = float(text)
            if low <= number < math.inf and number > above:
                return number
        bound = f"above {above:g}" if above > low else f"of at least {low:g}"
        raise ValueError(f"must be a number {bound}, got {text!r}")

    return _argument(convert)


def _integer(low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        with suppress(ValueError):
            number = int(text)
            if low <= number <= high:
                return number
        raise ValueError(f"must be a whole number from {low} to {high}, got {text!r}")

    return _argument(convert)


def _writable_directory(name: str) -> Path:
    """`name` as a directory in which a file can be written; a missing directory is made."""
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise ValueError(f"cannot write to {name}: {error.strerror}") from error
    return path

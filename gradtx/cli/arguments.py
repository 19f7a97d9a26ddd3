"""The arguments of the commands. An unusable argument ends in one line on stderr and exit code 2."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gradtx.cli.catalogue import (
    OptimizerFactory,
    find_optimizer,
    known_optimizers,
    rate_problem,
    takes_weight_decay,
)
from gradtx.cli.converters import (
    OneLineParser,
    argument,
    integer,
    number,
    writable_directory,
    writable_png,
)
from gradtx.cli.doctor import DoctorOptions, add_doctor
from gradtx.cli.memory import number_of_parameters
from gradtx.cli.text import Corpus, python_topics, read_text


@dataclass(frozen=True)
class Options:
    """The validated arguments of `train`."""

    corpus: Corpus
    optimizer: OptimizerFactory | None  # None: the default chain of `gradtx.cli.concepts`
    learning_rate: float | None  # at its peak; None: the default
    weight_decay: float | None  # None: the default
    steps: int
    batch_size: int
    seed: int
    out: Path


@dataclass(frozen=True)
class RangeOptions:
    """The validated arguments of `find-lr`."""

    corpus: Corpus
    optimizer: OptimizerFactory | None  # None: the default chain of `gradtx.cli.concepts`
    low: float
    high: float
    steps: int
    seeds: int
    out: Path


@dataclass(frozen=True)
class MemoryOptions:
    """The validated arguments of `memory`."""

    optimizers: list[OptimizerFactory]
    size: int
    dtype: str


AnyOptions = Options | RangeOptions | MemoryOptions | DoctorOptions


def parse(argv: Sequence[str] | None, context: int) -> AnyOptions:
    """The options of the command in `argv`, for a model with a context of `context` characters.

    Without a command the help is shown.

    Raises:
      SystemExit: with code 2 for an unusable argument, after one line on stderr with the reason; with code 0
        after the help or the version.
    """
    parser = OneLineParser(prog="gradtx", description="Gradient transformations for JAX.")
    parser.add_argument("--version", action="version", version=f"gradtx {version('gradtx')}")
    _add_commands(parser)
    chosen = vars(parser.parse_args(argv))
    if not chosen:
        parser.print_help()
        parser.exit()
    own: OneLineParser = chosen.pop("parser")
    return chosen.pop("made")(own, context, chosen)


def _add_commands(parser: OneLineParser) -> None:
    commands = parser.add_subparsers(metavar="command", parser_class=OneLineParser)
    train = commands.add_parser(
        "train",
        help="train a small character-level language model",
        description="Trains a small character-level transformer on text, and shows its optimizer at work.",
    )
    _add_run_arguments(train)
    _add_optimizer_arguments(train)
    train.set_defaults(parser=train, made=_train_options)
    find_lr = commands.add_parser(
        "find-lr",
        help="find the learning rate of an optimizer on this model",
        description="Trains the model of `train` while the learning rate rises, and shows the losses.",
    )
    _add_range_arguments(find_lr)
    find_lr.set_defaults(parser=find_lr, made=_range_options)
    memory = commands.add_parser(
        "memory",
        help="the bytes of a training step, by the compiler",
        description="Compiles a step of each optimizer on the shapes of a decoder, and shows its memory.",
    )
    _add_memory_arguments(memory)
    memory.set_defaults(parser=memory, made=_memory_options)
    add_doctor(commands)


def _train_options(parser: OneLineParser, context: int, chosen: dict[str, Any]) -> Options:
    factory: OptimizerFactory | None = chosen["optimizer"]
    if chosen["weight_decay"] is not None and factory and not takes_weight_decay(factory):
        parser.error(f"argument --weight-decay: {factory.__name__} has no weight decay")
    return Options(corpus=_corpus(parser, context, chosen.pop("text")), **chosen)


def _range_options(parser: OneLineParser, context: int, chosen: dict[str, Any]) -> RangeOptions:
    if chosen["low"] >= chosen["high"]:
        parser.error(f"argument --high: must be above --low, {chosen['low']:g}, got {chosen['high']:g}")
    if chosen["optimizer"] and (problem := rate_problem(chosen["optimizer"])):
        parser.error(f"argument --optimizer: {problem}")
    return RangeOptions(corpus=_corpus(parser, context, chosen.pop("text")), **chosen)


def _memory_options(parser: OneLineParser, context: int, chosen: dict[str, Any]) -> MemoryOptions:
    return MemoryOptions(**chosen)


def _corpus(parser: OneLineParser, context: int, path: Path | None) -> Corpus:
    try:
        return Corpus.of(python_topics() if path is None else read_text(path), context)
    except ValueError as error:
        parser.error(f"argument --text: {path or 'pydoc_data.topics'}: {error}")


def _add_text_argument(parser: argparse.ArgumentParser) -> None:
    text = "what to learn; default: the help topics of Python"
    parser.add_argument("--text", type=Path, metavar="FILE", help=text)


def _add_optimizer_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--optimizer",
        type=argument(find_optimizer),
        metavar="NAME",
        help=f"{', '.join(known_optimizers())}; default: clipping, Adam and weight decay, chained one by one",
    )


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    _add_text_argument(parser)
    add = parser.add_argument
    add(
        "--steps",
        type=integer(1, 10**7),
        default=1000,
        metavar="N",
        help="updates to make; default: %(default)s",
    )
    add(
        "--batch-size",
        type=integer(1, 2**12),
        default=16,
        metavar="N",
        help="sequences in a step; default: %(default)s",
    )
    help_of_seed = "of the initial parameters, the batches and the sample; default: %(default)s"
    add("--seed", type=integer(0, 2**32 - 1), default=0, metavar="N", help=help_of_seed)
    help_of_out = "where to write the picture of the run; default: the current directory"
    add("--out", type=argument(writable_directory), default=".", metavar="DIR", help=help_of_out)


def _add_optimizer_arguments(parser: argparse.ArgumentParser) -> None:
    _add_optimizer_argument(parser)
    add = parser.add_argument
    add(
        "--learning-rate",
        type=number(above=0.0),
        metavar="RATE",
        help="at its peak, after the warmup; default: what suits the optimizer",
    )
    add(
        "--weight-decay",
        type=number(low=0.0),
        metavar="DECAY",
        help="decoupled from the gradient; default: 0.1, or that of the optimizer named",
    )


def _add_range_arguments(parser: argparse.ArgumentParser) -> None:
    _add_text_argument(parser)
    _add_optimizer_argument(parser)
    add, default = parser.add_argument, "default: %(default)s"
    add("--low", type=number(above=0.0), default=1e-6, metavar="RATE", help=f"the first rate; {default}")
    add("--high", type=number(above=0.0), default=10.0, metavar="RATE", help=f"the last rate; {default}")
    help_of_steps = f"steps from the first rate to the last, and of each run at one rate; {default}"
    add("--steps", type=integer(20, 10**4), default=100, metavar="N", help=help_of_steps)
    help_of_seeds = f"orders of the batches, each with runs of its own; {default}"
    add("--seeds", type=integer(1, 64), default=2, metavar="N", help=help_of_seeds)
    help_of_out = f"the picture to write, a PNG file; {default}"
    add(
        "--out",
        type=argument(writable_png),
        default="gradtx-find-lr.png",
        metavar="PNG",
        help=help_of_out,
    )


def _add_memory_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("optimizers", type=argument(find_optimizer), nargs="+", metavar="OPTIMIZER", help="one or more names")
    add("size", type=argument(number_of_parameters), metavar="SIZE", help="of the model, such as 125M or 7B")
    help_of_dtype = "of the parameters and the gradients; default: %(default)s"
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help=help_of_dtype)

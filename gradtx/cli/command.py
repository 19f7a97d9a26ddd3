"""The command line, from its arguments to its exit code."""

import io
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from gradtx.cli.converters import OneLineParser, UsageError
from gradtx.cli.language_model import Architecture
from gradtx.tree import did_you_mean

COMMANDS = {
    "list": "every optimizer with its bytes, typical rate and paper",
    "show": "the composition, equations and memory of an optimizer",
    "schedule": "the values of a schedule, and its curve",
    "memory": "the bytes of a training step, by the compiler",
    "find-lr": "find a learning rate on the model of train",
    "train": "train a small character-level language model",
    "compare": "train it with several optimizers, each at several rates",
    "doctor": "the faults in the history of a training, with remedies",
}
"""The commands with their descriptions.

The command `find-lr` is the module `find_lr` of this package. Its docstring is the text of the help,
`add(parser)` declares its arguments, and `run(options, architecture)` does the work and returns the exit
code. A module is imported when its command is called.
"""

_EXTRA = ("matplotlib", "tqdm")


def main(argv: Sequence[str] | None = None, architecture: Architecture | None = None) -> int:
    """Runs the command line.

    Args:
      argv: the arguments; `None` for those of the process.
      architecture: the size of the model; `None` for the default one.

    Returns:
      The exit code: 0 after a complete run, 1 after a failure, 2 for a missing package, and 130 after
      Ctrl-C.

    Raises:
      SystemExit: with code 2 and one line on stderr for an unusable argument, and with code 0 after `--help`.
    """
    _never_fail_on_a_character()
    name, *rest = _chosen(sys.argv[1:] if argv is None else argv)
    try:
        return _run(name, rest, architecture or Architecture())
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        print(f'gradtx {name}: error: {package} is missing: pip install "gradtx[cli]"', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"gradtx {name}: interrupted", file=sys.stderr)
        return 130


def _chosen(argv: Sequence[str]) -> Sequence[str]:
    """The arguments, which begin with the name of a command. Without one, the help is shown."""
    parser = OneLineParser(prog="gradtx", description="Gradient transformations for JAX.")
    parser.add_argument("--version", action="version", version=f"gradtx {version('gradtx')}")
    commands = parser.add_subparsers(metavar="command")
    for name, words in COMMANDS.items():
        commands.add_parser(name, help=words, add_help=False)
    if not argv:
        parser.print_help()
        parser.exit()
    first = argv[0]
    if first not in COMMANDS and not first.startswith("-"):
        advice = did_you_mean(first, COMMANDS) or f" There are {', '.join(COMMANDS)}."
        parser.error(f"no command is named {first!r}.{advice}")
    parser.parse_args(argv[:1])
    return argv


def _run(name: str, argv: Sequence[str], architecture: Architecture) -> int:
    """Imports a command, which may need the packages of the extra, and runs it."""
    command = import_module(f"gradtx.cli.{name.replace('-', '_')}")
    parser = OneLineParser(prog=f"gradtx {name}", description=command.__doc__)
    command.add(parser)
    options = parser.parse_args(argv)
    try:
        return command.run(options, architecture)
    except UsageError as error:
        parser.error(str(error))


def _never_fail_on_a_character() -> None:
    """Makes stdout replace characters outside of its encoding: the text and the sample may have any."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace", line_buffering=True)

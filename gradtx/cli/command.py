"""The command line, from its arguments to its exit code."""

import io
import sys
from collections.abc import Sequence

from gradtx.cli.arguments import AnyOptions, MemoryOptions, Options, RangeOptions, parse
from gradtx.cli.doctor import DoctorOptions, doctor
from gradtx.cli.language_model import Architecture
from gradtx.cli.memory import memory_table

COMMANDS = {Options: "train", RangeOptions: "find-lr", MemoryOptions: "memory", DoctorOptions: "doctor"}
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
    architecture = architecture or Architecture()
    _never_fail_on_a_character()
    command = "gradtx"
    try:
        options = parse(argv, architecture.context)
        command = f"gradtx {COMMANDS[type(options)]}"
        return _run(options, architecture)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        print(f'{command}: error: {package} is missing: pip install "gradtx[cli]"', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        moment = "" if command == "gradtx find-lr" else " before the first step"
        print(f"{command}: interrupted{moment}", file=sys.stderr)
        return 130


def _run(options: AnyOptions, architecture: Architecture) -> int:
    """Runs a command; a module that needs the packages of the extra is imported here."""
    if isinstance(options, MemoryOptions):
        print(memory_table(options.optimizers, options.size, options.dtype))
        return 0
    if isinstance(options, DoctorOptions):
        return doctor(options.history)
    if isinstance(options, Options):
        from gradtx.cli.train import train  # noqa: PLC0415

        return train(options, architecture)
    from gradtx.cli.find_lr import find_lr  # noqa: PLC0415

    return find_lr(options, architecture)


def _never_fail_on_a_character() -> None:
    """Makes stdout replace characters outside of its encoding: the text and the sample may have any."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace", line_buffering=True)

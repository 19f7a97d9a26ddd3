"""Texts of arguments as values. An unusable one is an error of argparse, with the reason."""

import argparse
import math
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from gradtx.tree import did_you_mean


class UsageError(ValueError):
    """Arguments that are unusable together, or with the files that they name."""


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage above it."""

    # typeshed declares overloads by the type of the namespace.
    def parse_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """The arguments; an unknown one is answered with the nearest option."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            known = re.findall(r"--[\w-]+", self.format_usage())
            advice = did_you_mean(unknown[0].partition("=")[0], known)
            self.error(f"unrecognized arguments: {' '.join(unknown)}{'.' * bool(advice)}{advice}")
        return options

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def argument(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """`convert` with errors whose messages argparse shows."""

    def converted(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return converted


def number(*, low: float = -math.inf, above: float = -math.inf) -> Callable[[str], float]:
    """A converter to a finite number of at least `low`, and larger than `above`."""

    def convert(text: str) -> float:
        with suppress(ValueError):
            value = float(text)
            if low <= value < math.inf and value > above:
                return value
        bound = f"above {above:g}" if above > low else f"of at least {low:g}"
        raise ValueError(f"must be a number {bound}, got {text!r}")

    return argument(convert)


def integer(low: int, high: int, multiple_of: int = 1) -> Callable[[str], int]:
    """A converter to a whole number, a multiple of another one."""
    kind = "whole number" if multiple_of == 1 else f"multiple of {multiple_of}"

    def convert(text: str) -> int:
        with suppress(ValueError):
            value = int(text)
            if low <= value <= high and value % multiple_of == 0:
                return value
        raise ValueError(f"must be a {kind} from {low} to {high}, got {text!r}")

    return argument(convert)


def writable_directory(name: str) -> Path:
    """`name` as a directory in which a file can be written; a missing directory is made."""
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise ValueError(f"cannot write to {name}: {error.strerror}") from error
    return path


def writable_file(*suffixes: str) -> Callable[[str], Path]:
    """A converter to a file that can be written and whose name ends so; a missing directory is made."""

    def convert(name: str) -> Path:
        path = Path(name)
        if path.suffix not in suffixes:
            raise ValueError(f"must be a name that ends in {' or '.join(suffixes)}, got {name!r}")
        if path.is_dir():
            raise ValueError(f"cannot write to {name}: Is a directory")
        writable_directory(str(path.parent))
        return path

    return argument(convert)

"""Texts of arguments as values. An unusable one is an error of argparse, with the reason."""

import argparse
import math
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage above it."""

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


def integer(low: int, high: int) -> Callable[[str], int]:
    """A converter to a whole number."""

    def convert(text: str) -> int:
        with suppress(ValueError):
            value = int(text)
            if low <= value <= high:
                return value
        raise ValueError(f"must be a whole number from {low} to {high}, got {text!r}")

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


def writable_png(name: str) -> Path:
    """`name` as a PNG file that can be written; a missing directory is made."""
    path = Path(name)
    if path.suffix != ".png":
        raise ValueError(f"must be a name that ends in .png, got {name!r}")
    if path.is_dir():
        raise ValueError(f"cannot write to {name}: Is a directory")
    writable_directory(str(path.parent))
    return path

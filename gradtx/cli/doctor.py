"""Shows the faults in the history of a training, most urgent first. Exits with 1 if there are any."""

import argparse
from pathlib import Path

import numpy as np

from gradtx.cli.converters import argument
from gradtx.cli.language_model import Architecture
from gradtx.practice import History, diagnose


class Options(argparse.Namespace):
    """The arguments."""

    history: History


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    words = "a history in CSV or JSON, as History.to_csv and to_json write it"
    parser.add_argument("history", type=argument(history_in), metavar="FILE", help=words)


def run(options: Options, architecture: Architecture) -> int:
    """Prints the findings, for each member of the history. Returns 1 if there are any, else 0."""
    del architecture
    history, found = options.history, False
    for index in np.ndindex(*history.members):
        own = history.member(*index) if index else history
        findings = diagnose(own)
        found = found or bool(findings)
        title = f"member {', '.join(map(str, index))}: " if index else ""
        steps = own.steps("loss")[-1]
        print(f"{title}{steps} steps, loss {float(own.final('loss')):.4g} at the end\n{findings}")
    return int(found)


def history_in(name: str) -> History:
    """The history in a CSV or JSON file.

    Raises:
      ValueError: for a file that cannot be read, or that is no history with a loss.
    """
    path = Path(name)
    try:
        history = History.from_json(path) if path.suffix == ".json" else History.from_csv(path)
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: no history: {error}") from error
    if "loss" not in history.names:
        raise ValueError(f"{name}: no series 'loss'; the file has {', '.join(history.names[:5])}")
    return history

"""Prints the values of a schedule, and writes its curve as a picture."""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

import gradtx
from gradtx.cli.arguments import add_integer, add_picture
from gradtx.cli.converters import argument
from gradtx.cli.expression import schedule_of
from gradtx.cli.language_model import Architecture


class Options(argparse.Namespace):
    """The arguments."""

    schedule: gradtx.Schedule
    steps: int
    out: Path


def add(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    words = "such as 'warmup_cosine_decay_schedule(0, 1e-3, 100, 1000)', by the names of gradtx.schedules"
    parser.add_argument("schedule", type=argument(schedule_of), metavar="EXPR", help=words)
    add_integer(parser, "--steps", 1, 10**7, 1000, "the last step to show")
    add_picture(parser, "gradtx-schedule.png")


def run(options: Options, architecture: Architecture) -> int:
    """Prints the table and writes the picture. Returns the exit code."""
    del architecture  # no model is trained
    schedule, steps = options.schedule, options.steps
    print(f"{schedule}\n\n{schedule.table(steps)}")
    figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
    axes = schedule.plot(steps, figure.subplots())
    axes.grid(alpha=0.25)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    figure.suptitle(schedule.expression(), wrap=True, fontsize=9)
    figure.savefig(options.out)
    print(f"\nPicture: {options.out}")
    return 0

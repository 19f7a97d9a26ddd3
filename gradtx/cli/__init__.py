"""The command line, `python -m gradtx`: optimizers and schedules on view, and at work on a small model."""

from gradtx.cli.command import main

__all__ = ["main"]

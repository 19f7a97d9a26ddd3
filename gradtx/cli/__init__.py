"""The command line: `python -m gradtx train` and `find-lr` show an optimizer at work on a small model."""

from gradtx.cli.command import main

__all__ = ["main"]

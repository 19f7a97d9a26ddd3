"""The command line: `python -m gradtx train` trains a small language model and shows its optimizer."""

from gradtx.cli.command import main

__all__ = ["main"]

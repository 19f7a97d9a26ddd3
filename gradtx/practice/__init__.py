"""Practice: choose an optimizer, find its hyperparameters, and compare.

`import gradtx` does not load this package: write `from gradtx import practice`. Its trainings are for choice
and diagnosis. Nothing else in gradtx needs them.
"""

from gradtx.practice._compare import compare
from gradtx.practice._comparison import Comparison, Entry
from gradtx.practice._evolve import Evolved, evolve
from gradtx.practice._history import History
from gradtx.practice._loop import Trained
from gradtx.practice._sweep import Sweep, sweep
from gradtx.practice._train import train

__all__ = [
    "Comparison",
    "Entry",
    "Evolved",
    "History",
    "Sweep",
    "Trained",
    "compare",
    "evolve",
    "sweep",
    "train",
]

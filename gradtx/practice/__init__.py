"""Practice: choose an optimizer, find its rate and its other hyperparameters, and compare.

`import gradtx` does not load this package: write `from gradtx import practice`. Its trainings are for choice
and diagnosis. Nothing else in gradtx needs them.
"""

from gradtx.practice._compare import compare
from gradtx.practice._comparison import Comparison, Entry
from gradtx.practice._coordinate_check import CoordinateCheck, coordinate_check
from gradtx.practice._diagnose import diagnose
from gradtx.practice._evolve import Evolved, evolve
from gradtx.practice._explain import Explained, Explanation, explain
from gradtx.practice._history import History
from gradtx.practice._landscape import Landscape
from gradtx.practice._loop import Trained
from gradtx.practice._range_result import NoIntervalError, RangeTest
from gradtx.practice._range_test import lr_range_test
from gradtx.practice._rates import rates_of as rates_of
from gradtx.practice._reasons import Reason
from gradtx.practice._recipe import recipe, recipes
from gradtx.practice._sweep import Sweep, sweep
from gradtx.practice._train import train
from gradtx.practice._vitals import vitals
from gradtx.practice._width import Width, WidthScaling, width_scaling

__all__ = [
    "Comparison",
    "CoordinateCheck",
    "Entry",
    "Evolved",
    "Explained",
    "Explanation",
    "History",
    "Landscape",
    "NoIntervalError",
    "RangeTest",
    "Reason",
    "Sweep",
    "Trained",
    "Width",
    "WidthScaling",
    "compare",
    "coordinate_check",
    "diagnose",
    "evolve",
    "explain",
    "lr_range_test",
    "recipe",
    "recipes",
    "sweep",
    "train",
    "vitals",
    "width_scaling",
]

"""Choosing and diagnosing an optimizer: `from gradtx import practice`."""

from gradtx.practice._range_result import NoIntervalError, RangeTest
from gradtx.practice._range_test import lr_range_test
from gradtx.practice._rates import rates_of as rates_of

__all__ = ["NoIntervalError", "RangeTest", "lr_range_test"]

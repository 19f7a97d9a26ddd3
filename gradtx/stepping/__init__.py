"""Optimizer steps outside of a `jit` of the user."""

from gradtx.stepping._minimize import Minimum, minimize
from gradtx.stepping._stepper import Stepper

__all__ = [
    "Minimum",
    "Stepper",
    "minimize",
]

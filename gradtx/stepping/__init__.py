"""Optimizer steps outside of a `jit` of the user."""

from gradtx.stepping._stepper import Stepper

__all__ = [
    "Stepper",
]

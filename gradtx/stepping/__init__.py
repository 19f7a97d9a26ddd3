"""Optimizer steps outside of a `jit` of the user."""

from gradtx.stepping._memory import memory, of_jit as of_jit, of_stepper as of_stepper
from gradtx.stepping._minimize import Minimum, minimize
from gradtx.stepping._stepper import Stepper
from gradtx.stepping._summary import summary

__all__ = [
    "Minimum",
    "Stepper",
    "memory",
    "minimize",
    "summary",
]

"""Optimizers: functions that return a chain, so that printing one shows its algorithm."""

from gradtx.optimizers.adaptive import adagrad, adam, adam_l2, adamw, amsgrad, rmsprop
from gradtx.optimizers.stochastic_gradient import momentum, nesterov, sgd

__all__ = [
    "adagrad",
    "adam",
    "adam_l2",
    "adamw",
    "amsgrad",
    "momentum",
    "nesterov",
    "rmsprop",
    "sgd",
]

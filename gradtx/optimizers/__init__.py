"""Optimizers: functions that return a chain, so that printing one shows its algorithm."""

from gradtx.optimizers._acprop import acprop
from gradtx.optimizers._adabelief import adabelief
from gradtx.optimizers._adadelta import adadelta
from gradtx.optimizers._adafactor import adafactor
from gradtx.optimizers._adagrad import adagrad
from gradtx.optimizers._adam import adam, adam_l2, adamw, amsgrad
from gradtx.optimizers._adamax import adamax, adamaxw
from gradtx.optimizers._adamc import adamc
from gradtx.optimizers._adan import adan
from gradtx.optimizers._ademamix import ademamix, simplified_ademamix
from gradtx.optimizers._adopt import adopt
from gradtx.optimizers._cocob import cocob
from gradtx.optimizers._dadapt import dadapt_adamw
from gradtx.optimizers._dog import dog, dowg
from gradtx.optimizers._dpsgd import dpsgd
from gradtx.optimizers._eight_bit import adam8bit, adamw8bit, lion8bit
from gradtx.optimizers._fromage import fromage
from gradtx.optimizers._galore import galore
from gradtx.optimizers._lamb import lamb
from gradtx.optimizers._lars import lars
from gradtx.optimizers._lbfgs import lbfgs
from gradtx.optimizers._lion import lion
from gradtx.optimizers._madgrad import madgrad
from gradtx.optimizers._mars import mars
from gradtx.optimizers._momo import momo, momo_adam
from gradtx.optimizers._muon import muon
from gradtx.optimizers._nadam import nadam, nadamw
from gradtx.optimizers._normuon import normuon
from gradtx.optimizers._novograd import novograd
from gradtx.optimizers._optimistic import (
    optimistic_adam,
    optimistic_adam_v2,
    optimistic_gradient_descent,
)
from gradtx.optimizers._polyak import polyak_sgd
from gradtx.optimizers._prodigy import prodigy
from gradtx.optimizers._radam import radam
from gradtx.optimizers._rmsprop import rmsprop
from gradtx.optimizers._rprop import rprop
from gradtx.optimizers._schedule_free import schedule_free_adamw, schedule_free_sgd
from gradtx.optimizers._sgd import momentum, nesterov, noisy_sgd, sgd
from gradtx.optimizers._shampoo import shampoo
from gradtx.optimizers._sign_sgd import sign_sgd, signum
from gradtx.optimizers._sm3 import sm3
from gradtx.optimizers._soap import soap
from gradtx.optimizers._sophia import sophia
from gradtx.optimizers._yogi import yogi

__all__ = [
    "acprop",
    "adabelief",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adam8bit",
    "adam_l2",
    "adamax",
    "adamaxw",
    "adamc",
    "adamw",
    "adamw8bit",
    "adan",
    "ademamix",
    "adopt",
    "amsgrad",
    "cocob",
    "dadapt_adamw",
    "dog",
    "dowg",
    "dpsgd",
    "fromage",
    "galore",
    "lamb",
    "lars",
    "lbfgs",
    "lion",
    "lion8bit",
    "madgrad",
    "mars",
    "momentum",
    "momo",
    "momo_adam",
    "muon",
    "nadam",
    "nadamw",
    "nesterov",
    "noisy_sgd",
    "normuon",
    "novograd",
    "optimistic_adam",
    "optimistic_adam_v2",
    "optimistic_gradient_descent",
    "polyak_sgd",
    "prodigy",
    "radam",
    "rmsprop",
    "rprop",
    "schedule_free_adamw",
    "schedule_free_sgd",
    "sgd",
    "shampoo",
    "sign_sgd",
    "signum",
    "simplified_ademamix",
    "sm3",
    "soap",
    "sophia",
    "yogi",
]

"""The search of an optimizer without one: every step is taken as it is."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.core import Params, Updates
from gradtx.searches._search import SEARCH_NEEDS, Search
from gradtx.tree import state_like


class WholeStepState(NamedTuple):
    """The state of `whole_step`: the step size 1, and the value and the gradient after the step."""

    learning_rate: Any
    value: Any
    grad: Any


class WholeStep(NamedTuple):
    """The position: the step size 1, and the result of the evaluation there."""

    trial: Array
    done: Array
    value: Array
    grad: Any


class whole_step(Search, state=WholeStepState, needs=SEARCH_NEEDS):
    """Accepts every step after one evaluation, so that `minimize` runs optimizers without a search."""

    may_rise = True

    def init(self, params: Params) -> WholeStepState:
        return WholeStepState(jnp.ones((), float), jnp.full((), jnp.inf), state_like(params))

    def begin(self, state: WholeStepState, value: Array, slope: Array, grad: Updates) -> WholeStep:
        return WholeStep(jnp.ones((), float), jnp.zeros((), bool), value, grad)

    def observe(self, position: WholeStep, value: Array, slope: Array, grad: Updates) -> WholeStep:
        return WholeStep(position.trial, jnp.ones((), bool), value, grad)

    def finish(self, position: WholeStep) -> WholeStepState:
        return WholeStepState(position.trial, position.value, position.grad)

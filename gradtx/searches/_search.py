"""The protocol of searches along a line: machines that take one evaluation a turn."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import multiply_by, split_as
from gradtx.core import GradientTransformation, OptState, Params, Updates, apply_updates
from gradtx.searches._evaluations import (
    as_argument,
    as_number,
    as_stored,
    slope_along,
    value_and_grad_at,
    value_at,
)
from gradtx.tree import ARRAYS_AND_NUMBERS, as_scalar, is_inexact, is_traced, map_leaves, scale

SEARCH_NEEDS = ("params", "value", "grad", "value_fn")
"""The arguments that an update with a search requires."""

SHRINKAGE = 0.1
"""The factor of a step at which the function is not finite: it may be too long by many magnitudes."""

OUTCOMES = (
    "a step was found",
    "the updates are no direction of descent",
    "no step decreases the value enough",
    "the step decreases the value enough, and the slope is still steep there",
    "the value is not finite",
)
"""The outcomes of a search, of which the first alone is none of a failure."""


class Search(GradientTransformation, abstract=True):
    r"""A transformation that multiplies the updates by a number, which it finds by evaluations of a function.

    It searches along $\phi(a) = f(\theta + a u)$. A subclass is a machine of pure functions:

    - `begin(state, value, slope, grad)` gives the position before the first evaluation, from $\phi(0)$,
      $\phi'(0)$ and the gradient there. Each position has `trial`, the $a$ to evaluate, and `done`;
    - `observe(position, value, slope, grad)` gives the position after the evaluation at its trial;
    - `finish(position)` gives the state, with `learning_rate`, `value` and `grad`.

    `update` turns the machine until it is done. `minimize` gives it one evaluation in each of its own turns,
    so that the members of a `jax.vmap` do not wait for each other.
    """

    couples_leaves = True
    finds_rate = "it evaluates the loss to find the size of each step"

    may_rise: ClassVar[bool] = False
    """Whether a step may raise the value: one that improves nothing is then no sign of the end."""

    @property
    def uses_gradients(self) -> bool:
        """Whether an evaluation includes the gradient."""
        return True

    @property
    def prints(self) -> bool:
        """Whether a failure is printed."""
        return False

    def begin(self, state: Any, value: Array, slope: Array, grad: Updates) -> Any:
        """The position before the first evaluation."""
        raise NotImplementedError

    def observe(self, position: Any, value: Array, slope: Array, grad: Updates) -> Any:
        """The position after an evaluation at its trial."""
        raise NotImplementedError

    def finish(self, position: Any) -> Any:
        """The state after the search."""
        raise NotImplementedError

    def apply(
        self, updates: Updates, state: OptState, params: Params = None, **extra: Any
    ) -> tuple[Updates, OptState]:
        rest = {name: extra[name] for name in extra if name not in SEARCH_NEEDS}
        function = as_argument(extra["value_fn"], **rest)
        begin = (as_stored(updates), state, params, as_number(extra["value"]), as_stored(extra["grad"]))
        arrays = all(isinstance(leaf, ARRAYS_AND_NUMBERS) for leaf in jax.tree.leaves((function, params)))
        search = _compiled_search if arrays and not is_traced(self, function, begin) else _searched
        state = search(self, function, *begin)
        return map_leaves(multiply_by, updates, numbers=(state.learning_rate,)), state

    def has_failed(self, state: Any) -> Array:
        """Whether the last search has found no step that decreases the value enough."""
        outcome = self.own_state(state).outcome()
        return (outcome != 0) & (outcome != 3)


def _searched(
    search: Search, function: Any, updates: Updates, state: Any, params: Params, value: Array, grad: Updates
) -> Any:
    """The state after a search. Its numbers are constants for derivatives, as the loop has none."""
    search, function, updates, state, params, value, grad = jax.tree.map(
        lambda leaf: jax.lax.stop_gradient(leaf) if is_inexact(leaf) else leaf,
        (in_float(search), function, updates, state, params, value, grad),
    )

    def turn(position: Any) -> Any:
        point = apply_updates(params, scale(position.trial, updates))
        if not search.uses_gradients:
            return search.observe(position, value_at(function, point), jnp.zeros((), float), None)
        value, found = value_and_grad_at(function, point, like=grad)
        return search.observe(position, value, slope_along(updates, found), found)

    first = search.begin(state, value, slope_along(updates, grad), grad)
    last = jax.lax.while_loop(lambda position: ~position.done, turn, first)
    state = jax.tree.map(split_as, state, search.finish(last))
    if search.prints:
        jax.debug.callback(_print_failure, state)
    return state


def in_float(search: Search) -> Search:
    """A search with its numbers in the default float dtype."""
    return jax.tree.map(as_scalar, search)


_compiled_search = jax.jit(_searched)


def _print_failure(state: Any) -> None:
    if int(state.outcome()):
        print(state.report())


def excess(error: Array, tolerance: Any) -> Array:
    """By how much an error exceeds its tolerance: at most the largest number, which also stands for NaN."""
    largest = jnp.finfo(error.dtype).max
    return jnp.clip(jnp.where(jnp.isnan(error), largest, error - tolerance), 0.0, largest)


def outcome_of(steps: Array, decrease_error: Array, curvature_error: Array) -> Array:
    """The outcome of a search as an index into `OUTCOMES`, from the number of evaluations and its errors."""
    not_finite = decrease_error >= jnp.finfo(decrease_error.dtype).max
    steep = curvature_error > 0
    conditions = [not_finite, decrease_error > 0, steep & (steps == 0), steep]
    outcomes = [jnp.full(jnp.shape(steep), outcome, jnp.int32) for outcome in (4, 2, 1, 3, 0)]
    return jnp.select(conditions, outcomes[:-1], outcomes[-1])


def reported(state: Any) -> str:
    """The outcome of a search in words."""
    return (
        f"{OUTCOMES[int(state.outcome())]}: {state.info.num_linesearch_steps} evaluations, "
        f"learning rate {float(state.learning_rate):.3g}, value {float(state.value):.6g}."
    )

"""Minimization of a function to a tolerance, as one loop of evaluations."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import Partial

from gradtx.core import (
    GradientTransformation,
    OptState,
    Params,
    Updates,
    all_in,
    apply_updates,
    as_transformation,
    chain,
    replace,
)
from gradtx.optimizers import lbfgs
from gradtx.searches import Search, as_argument, in_float, slope_along, value_and_grad_at, whole_step
from gradtx.tree import conj, is_traced, norm, scale

_RUNNING, _CONVERGED, _LIMIT, _NO_STEP, _NO_PROGRESS, _NOT_FINITE = range(6)

_OUTCOMES = (
    "running",
    "the gradient is within the tolerance",
    "the largest number of evaluations is reached",
    "the search finds no step that decreases the value",
    "a step decreases neither the value nor the gradient",
    "the value or the gradient is not finite",
)


class Minimum(NamedTuple):
    """The result of `minimize`: the best parameters, the value and the gradient there, and the work.

    The fields are the parameters; the value; the gradient, as `jax.grad` returns it, in float32 or wider; the
    number of steps and of evaluations of value and gradient in int32; and the outcome as a number, which
    `report` puts into words.
    """

    params: Any
    value: Any
    grad: Any
    steps: Any
    evaluations: Any
    outcome: Any

    @property
    def converged(self) -> Array:
        """Whether the gradient is within the tolerance."""
        return self.outcome == _CONVERGED

    def report(self) -> str:
        """The outcome in words."""
        return (
            f"{_OUTCOMES[int(self.outcome)]}: value {float(self.value):.6g}, {self.steps} steps, "
            f"{self.evaluations} evaluations."
        )


class _Problem(NamedTuple):
    """A function with the transformation that gives a direction and the search along it."""

    direction: GradientTransformation
    search: Search
    function: Any
    tol: Any
    max_evaluations: Any


class _Run(NamedTuple):
    """A point with its value and gradient, and the position of the search along the direction from there."""

    params: Params
    value: Array
    grad: Updates
    state: OptState
    search_state: Any
    updates: Updates
    position: Any
    steps: Array
    evaluations: Array
    outcome: Array


def minimize(
    fun: Callable[..., Any],
    params: Params,
    tx: GradientTransformation = lbfgs(),  # noqa: B008 - a value, never changed
    *,
    args: Sequence[Any] = (),
    tol: float = 1e-5,
    max_evaluations: int = 1000,
) -> Minimum:
    r"""Minimizes a function without noise, to a tolerance of its gradient.

    The whole minimization is one program with one loop. Each turn of the loop evaluates the value and the
    gradient once, along the direction of `tx`; at the end of a search `tx` gives the next direction. Under
    `jax.vmap` the members so take as many turns as the longest of them needs evaluations, and none waits for
    the search of another. Outside of `jax.jit` the program is compiled once for each function: give data by
    `args`, whose values are no part of the program.

    The minimization ends where $\max_i |\partial_i f| \le$ `tol`. It also ends, without having converged,
    after `max_evaluations`; where the search finds no step that decreases the value; where a step decreases
    neither the value nor the largest element of the gradient, which is then rounding; and where a value is
    not finite. A step that leads to a value that is not finite is only shortened. `report` of the result
    gives the outcome in words.

    `tx` is `lbfgs`, a chain that ends in another search, or any optimizer without one, of which each update
    is a step. Complex parameters move along the conjugate of the gradient that `jax.grad` returns. Parameters
    of 16 bits are rounded at each evaluation. For small tolerances enable 64 bits. The loop has no derivative
    in reverse mode.

    Args:
      fun: a function of the parameters, and of `args` after them, with one number as the value.
      params: the parameters to begin with. Integers and `None` stay as they are.
      tx: the optimizer.
      args: further arguments of the function, trees of arrays.
      tol: the tolerance of the largest element of the gradient.
      max_evaluations: the largest number of evaluations of the value and the gradient.

    Raises:
      ValueError: for an optimizer with a search at another place than the end of a chain, or with a schedule
        in the search; and for a function whose value is not one number.

    >>> import jax.numpy as jnp
    >>> def rosenbrock(x):
    ...     return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2
    >>> result = minimize(rosenbrock, jnp.array([-1.2, 1.0]), tol=1e-3)
    >>> bool(result.converged), bool(jnp.all(jnp.abs(result.params - 1.0) < 1e-2))
    (True, True)
    >>> from gradtx import adam
    >>> bool(minimize(lambda x: x**2, jnp.array(1.0), adam(0.1), tol=0.1).converged)
    True
    """
    direction, search = _parts(as_transformation(tx))
    function = Partial(_with_args, as_argument(fun), tuple(args))
    problem = _Problem(direction, search, function, tol, max_evaluations)
    return (_minimized if is_traced(problem, params) else _compiled)(problem, params)


def _with_args(function: Callable[..., Any], args: tuple[Any, ...], params: Params) -> Any:
    return function(params, *args)


def _parts(tx: GradientTransformation) -> tuple[GradientTransformation, Search]:
    """The transformation that gives the direction, and the search along it."""
    *first, last = _in_sequence(tx) or [chain()]
    direction, search = (chain(*first), last) if isinstance(last, Search) else (tx, whole_step())
    if any(isinstance(part, Search) for part in all_in(direction)):
        raise ValueError(f"minimize: a search must be the last transformation of a chain, got {tx}.")
    if search.scheduled:
        raise ValueError(f"minimize: a search takes numbers, got a schedule for {search.scheduled[0]}.")
    return direction, replace(search, store_grad=True) if not search.uses_gradients else search


def _in_sequence(tx: GradientTransformation) -> list[GradientTransformation]:
    """The transformations of a chain, and those of chains in it."""
    return [part for own in tx.nested for part in _in_sequence(own)] if isinstance(tx, chain) else [tx]


def _minimized(problem: _Problem, params: Params) -> Minimum:
    problem = problem._replace(search=in_float(problem.search))
    run = jax.lax.while_loop(
        lambda run: run.outcome == _RUNNING, lambda run: _turn(problem, run), _start(problem, params)
    )
    return Minimum(run.params, run.value, run.grad, run.steps, run.evaluations, run.outcome)


_compiled = jax.jit(_minimized)


def _start(problem: _Problem, params: Params) -> _Run:
    value, grad = value_and_grad_at(problem.function, params)
    state, search_state = problem.direction.init(params), problem.search.init(params)
    zero = jnp.zeros((), jnp.int32)
    run = _Run(params, value, grad, state, search_state, grad, None, zero, zero + 1, zero)
    return _ended(_aimed(problem, run), run.evaluations >= problem.max_evaluations, _LIMIT)


def _turn(problem: _Problem, run: _Run) -> _Run:
    """The run after one evaluation: a step further if it ends the search."""
    point = apply_updates(run.params, scale(run.position.trial, run.updates))
    value, grad = value_and_grad_at(problem.function, point)
    position = problem.search.observe(run.position, value, slope_along(run.updates, grad), grad)
    run = run._replace(position=position, evaluations=run.evaluations + 1)
    run = jax.lax.cond(position.done, partial(_arrived, problem), lambda run: run, run)
    return _ended(run, run.evaluations >= problem.max_evaluations, _LIMIT)


def _arrived(problem: _Problem, run: _Run) -> _Run:
    """The run at the end of a search, aimed again."""
    found = problem.search.finish(run.position)
    params = apply_updates(run.params, scale(found.learning_rate, run.updates))
    fell = (found.value < run.value) | (_size(found.grad) < _size(run.grad))
    moved = found.learning_rate > 0
    new = run._replace(
        params=params,
        value=found.value,
        grad=found.grad,
        search_state=found,
        steps=run.steps + moved.astype(jnp.int32),
    )
    new = _ended(_aimed(problem, new), ~moved, _NO_STEP)
    return _ended(new, ~(fell | problem.search.may_rise), _NO_PROGRESS)


def _aimed(problem: _Problem, run: _Run) -> _Run:
    """The run with the direction from its point, and with the search along it at its beginning."""
    updates, state = problem.direction.wide_update(
        conj(run.grad), run.state, run.params, value=run.value, grad=run.grad
    )
    slope = slope_along(updates, run.grad)
    position = problem.search.begin(run.search_state, run.value, slope, run.grad)
    run = run._replace(state=state, updates=updates, position=position)
    size = _size(run.grad)
    run = _ended(run, ~(jnp.isfinite(size) & jnp.isfinite(run.value)), _NOT_FINITE)
    run = _ended(run, size <= problem.tol, _CONVERGED)
    return _ended(run, position.done, _NO_STEP)


def _ended(run: _Run, condition: Any, outcome: int) -> _Run:
    """The run with an outcome, where the condition holds and there is none yet."""
    return run._replace(outcome=jnp.where((run.outcome == _RUNNING) & condition, outcome, run.outcome))


def _size(grad: Updates) -> Array:
    return norm(grad, jnp.inf).astype(float)

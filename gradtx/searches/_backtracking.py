"""A search for a step with a sufficient decrease, by shorter and shorter steps."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.core import Number, Params, Updates, hyperparameter, static
from gradtx.searches._search import SEARCH_NEEDS, SHRINKAGE, Search, excess, outcome_of, reported
from gradtx.tree import state_like, where


class BacktrackingLinesearchInfo(NamedTuple):
    """The number of evaluations of a search, and by how much its result violates the condition."""

    num_linesearch_steps: Any
    decrease_error: Any


class ScaleByBacktrackingLinesearchState(NamedTuple):
    """The state of `scale_by_backtracking_linesearch`: the last step, and the value and gradient after it."""

    learning_rate: Any
    value: Any
    grad: Any
    info: BacktrackingLinesearchInfo

    def outcome(self) -> Array:
        """The outcome of the last search: 0 for a success, or the number of a failure."""
        return outcome_of(*self.info, jnp.zeros_like(self.info.decrease_error))

    def metrics(self) -> dict[str, Any]:
        """The number of evaluations of the last search, and its outcome."""
        return {"evaluations": self.info.num_linesearch_steps, "search_outcome": self.outcome()}

    def report(self, params: Params = None) -> str:
        """The outcome of the last search in words."""
        return reported(self)


class Backtracking(NamedTuple):
    """The position of a search: the next step to evaluate, and the result of the last evaluation."""

    trial: Array
    done: Array
    steps: Array
    start_value: Array
    start_slope: Array
    step: Array
    value: Array
    grad: Any
    decrease_error: Array


class scale_by_backtracking_linesearch(Search, state=ScaleByBacktrackingLinesearchState, needs=SEARCH_NEEDS):
    r"""Multiplies the updates by the first of shorter and shorter step sizes with a sufficient decrease.

    With $\phi(a) = f(\theta + a u)$, the result is $a u$ with Armijo's condition

    $$\phi(a) \le \phi(0) + c\,a \min(\phi'(0), 0) + \epsilon_r\,|\phi(0)| + \epsilon_a$$

    where $c$ is `slope_rtol`, $\epsilon_r$ is `rtol` and $\epsilon_a$ is `atol`. The first $a$ is the last
    result times `increase_factor`, at most `max_learning_rate`. Each further one is the one before times
    `decrease_factor`, or a tenth of it where the value was not finite.

    `update` needs `value=` and `grad=`, those of the function at the parameters, and `value_fn=`, the
    function of the parameters and of those extra arguments that its signature names. Outside of `jax.jit`,
    another function is another program: give data as extra arguments, or by `functools.partial`.

    A search that ends without a sufficient decrease returns its last step with a finite value, or 0 if there
    is none; the next search then begins at 1. A derivative of the updates takes the step size as constant.

    **State**: `ScaleByBacktrackingLinesearchState(learning_rate, value, grad, info)`: the step size, the
    value after it, and with `store_grad` the gradient there, as `jax.grad` returns it, in float32 or wider,
    else `None`; and `BacktrackingLinesearchInfo(num_linesearch_steps, decrease_error)`: the number of
    evaluations of the last search, and by how much the result violates the condition. `metrics` has
    `evaluations` and `search_outcome`: 0 for a success, 2 if no step decreases the value enough, 4 if no
    value was finite.

    **Raises** `ValueError` for a function whose value is not one number.

    **Reference**: Nocedal and Wright (2006), *Numerical Optimization*, algorithm 3.1; Vaswani et al. (2019),
    *Painless Stochastic Gradient: Interpolation, Line-Search, and Convergence Rates*, arXiv:1905.09997, for
    the growth between searches. Optax lets the value rise along updates that point uphill, tightens
    the condition by `rtol` where the value is negative, and after a search without a finite value stays at a
    step size of 0.

    >>> import jax, jax.numpy as jnp
    >>> f, x = lambda x: 2.0 * x**2, jnp.array(1.0)
    >>> tx = scale_by_backtracking_linesearch(10, decrease_factor=0.5)
    >>> updates, state = tx.update(-4.0 * x, tx.init(x), x, value=f(x), grad=4.0 * x, value_fn=f)
    >>> updates, int(state.info.num_linesearch_steps)  # 1 leads to -3, 1/2 to -1, 1/4 to 0
    (Array(-1., dtype=float32), 3)
    """

    max_backtracking_steps: int = static(low=1, doc="the largest number of reductions")
    slope_rtol: Number = hyperparameter(default=1e-4, low=0.0, below=1.0, doc="$c$")
    decrease_factor: Number = hyperparameter(
        default=0.8, above=0.0, below=1.0, doc="the factor from one step size to the next"
    )
    increase_factor: Number = hyperparameter(
        default=1.5, low=1.0, doc="the factor from the last result to the first step size of the next search"
    )
    max_learning_rate: Number = hyperparameter(default=1.0, above=0.0, doc="the largest step size")
    atol: Number = hyperparameter(default=0.0, low=0.0, doc=r"$\epsilon_a$")
    rtol: Number = hyperparameter(default=0.0, low=0.0, doc=r"$\epsilon_r$")
    store_grad: bool = static(
        default=False,
        doc="whether an evaluation includes the gradient, which `value_and_grad_from_state` then finds",
    )
    verbose: bool = static(default=False, doc="whether a failure is printed")

    @property
    def uses_gradients(self) -> bool:
        return self.store_grad

    @property
    def prints(self) -> bool:
        return self.verbose

    def init(self, params: Params) -> ScaleByBacktrackingLinesearchState:
        zero, one = jnp.zeros((), float), jnp.ones((), float)
        info = BacktrackingLinesearchInfo(jnp.zeros((), jnp.int32), zero)
        grad = state_like(params) if self.store_grad else None
        return ScaleByBacktrackingLinesearchState(one, zero + jnp.inf, grad, info)

    def begin(
        self, state: ScaleByBacktrackingLinesearchState, value: Array, slope: Array, grad: Updates
    ) -> Backtracking:
        grown = jnp.where(state.learning_rate > 0, state.learning_rate * self.increase_factor, 1.0)
        return Backtracking(
            trial=jnp.minimum(grown, self.max_learning_rate),
            done=jnp.zeros((), bool),
            steps=jnp.zeros((), jnp.int32),
            start_value=value,
            start_slope=jnp.minimum(slope, 0.0),
            step=jnp.zeros_like(value),
            value=value,
            grad=grad if self.uses_gradients else None,
            decrease_error=jnp.zeros_like(value),
        )

    def observe(self, position: Backtracking, value: Array, slope: Array, grad: Updates) -> Backtracking:
        start, finite = position.start_value, jnp.isfinite(value)
        bound = start + self.slope_rtol * position.trial * position.start_slope
        error = excess(jnp.where(finite, value - bound, jnp.inf), self.rtol * jnp.abs(start) + self.atol)
        steps = position.steps + 1
        return position._replace(
            trial=position.trial * jnp.where(finite, self.decrease_factor, SHRINKAGE),
            done=(error == 0) | (steps > self.max_backtracking_steps),
            steps=steps,
            step=jnp.where(finite, position.trial, position.step),
            value=jnp.where(finite, value, position.value),
            grad=where(finite, grad, position.grad),
            decrease_error=error,
        )

    def finish(self, position: Backtracking) -> ScaleByBacktrackingLinesearchState:
        info = BacktrackingLinesearchInfo(position.steps, position.decrease_error)
        return ScaleByBacktrackingLinesearchState(position.step, position.value, position.grad, info)

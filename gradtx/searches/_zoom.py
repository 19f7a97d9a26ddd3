"""A search for a step with a sufficient decrease and a small slope."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from gradtx.arithmetic import root
from gradtx.core import Number, Params, Updates, hyperparameter, static
from gradtx.searches._search import SEARCH_NEEDS, SHRINKAGE, Search, excess, outcome_of, reported
from gradtx.tree import state_like, where


class ZoomLinesearchInfo(NamedTuple):
    """The number of evaluations of a search, and by how much its result violates the two conditions."""

    num_linesearch_steps: Any
    decrease_error: Any
    curvature_error: Any


class ScaleByZoomLinesearchState(NamedTuple):
    """The state of `scale_by_zoom_linesearch`: the last step, the value and the gradient after it."""

    learning_rate: Any
    value: Any
    grad: Any
    info: ZoomLinesearchInfo

    def outcome(self) -> Array:
        """The outcome of the last search: 0 for a success, or the number of a failure."""
        return outcome_of(*self.info)

    def metrics(self) -> dict[str, Any]:
        """The number of evaluations of the last search, and its outcome."""
        return {"evaluations": self.info.num_linesearch_steps, "search_outcome": self.outcome()}

    def report(self, params: Params = None) -> str:
        """The outcome of the last search in words."""
        return reported(self)


class Point(NamedTuple):
    """A step, with the value and the slope there."""

    step: Array
    value: Array
    slope: Array


class Zoom(NamedTuple):
    """The position of a search: an interval that contains acceptable steps, and the next one to evaluate.

    `low` is the step with the least value of those that decrease it enough, and `grad` the gradient there.
    `high` is the other end, on either side; it is infinite until a step has been too long.
    """

    trial: Array
    done: Array
    steps: Array
    start: Point
    low: Point
    high: Point
    grad: Any
    decrease_error: Array


class scale_by_zoom_linesearch(Search, state=ScaleByZoomLinesearchState, needs=SEARCH_NEEDS):
    r"""Multiplies the updates by a step size that satisfies the strong Wolfe conditions.

    With $\phi(a) = f(\theta + a u)$, the result is $a u$ with

    $$\phi(a) \le \phi(0) + c_1 a\,\phi'(0), \qquad |\phi'(a)| \le c_2\,|\phi'(0)|$$

    where $c_1$ is `slope_rtol` and $c_2$ is `curv_rtol`. Near a minimum, differences of values are rounding.
    The first condition is therefore replaced by one of slopes wherever the value is at most
    $\phi(0) + \epsilon\,|\phi(0)|$, with $\epsilon$ from `approx_dec_rtol` (the approximate Wolfe condition):

    $$\phi'(a) \le (1 - 2 c_1)\,|\phi'(0)|$$

    The search grows the step until an interval must contain an acceptable one, and shrinks the interval by
    the minimizer of a cubic through both ends. A value or a slope that is not finite ends the interval too,
    and the next step is ten times as near to the other end.

    `update` needs `value=` and `grad=`, those of the function at the parameters, and `value_fn=`, the
    function of the parameters and of those extra arguments that its signature names. The value and the
    gradient after the step are in the state: `value_and_grad_from_state` takes them from there. Outside of
    `jax.jit`, another function is another program: give data as extra arguments, or by `functools.partial`.

    A search that fails returns the best step that decreases the value enough, or else 0. If the updates
    are no direction of descent, it evaluates nothing. `report` gives the outcome in words, and
    `has_failed` is true where the value has not decreased. A derivative of the updates takes the step size as
    constant.

    **State**: `ScaleByZoomLinesearchState(learning_rate, value, grad, info)`: the step size, the value and
    the gradient after it, as `jax.grad` returns it, in float32 or wider; and
    `ZoomLinesearchInfo(num_linesearch_steps, decrease_error, curvature_error)`: the number of evaluations of
    the last search, and by how much the result violates the conditions. `metrics` has `evaluations` and
    `search_outcome`: 0 for a success, 1 if the updates are no direction of descent, 2 if no step decreases
    the value enough, 3 if one does where the slope is still steep, 4 if no value was finite.

    **Raises** `ValueError` for a function whose value is not one number.

    **Reference**: Nocedal and Wright (2006), *Numerical Optimization*, algorithms 3.5 and 3.6, which are one
    here: the interval of the first is unbounded; equation 3.59 for the cubic. Hager and Zhang (2005), *A New
    Conjugate Gradient Method with Guaranteed Descent and an Efficient Line Search*, section 4, for the
    approximate condition. Optax's precision of the interval is absolute.

    >>> import jax.numpy as jnp
    >>> f, x, tx = lambda x: 2.0 * x**2, jnp.array(1.0), scale_by_zoom_linesearch(10)
    >>> updates, state = tx.update(-4.0 * x, tx.init(x), x, value=f(x), grad=4.0 * x, value_fn=f)
    >>> updates, int(state.info.num_linesearch_steps)  # 1 leads to -3, the cubic to the minimum
    (Array(-1., dtype=float32), 2)
    """

    max_linesearch_steps: int = static(low=1, doc="the largest number of evaluations")
    max_learning_rate: Number | None = hyperparameter(
        default=None, above=0.0, doc="the largest step size; `None` for no bound"
    )
    tol: Number = hyperparameter(default=0.0, low=0.0, doc="a tolerance that is added to both conditions")
    increase_factor: Number = hyperparameter(
        default=2.0, above=1.0, doc="the factor by which a step that is too short grows"
    )
    slope_rtol: Number = hyperparameter(default=1e-4, low=0.0, below=1.0, doc="$c_1$")
    curv_rtol: Number = hyperparameter(default=0.9, low=0.0, below=1.0, doc="$c_2$, above $c_1$")
    approx_dec_rtol: Number | None = hyperparameter(
        default=1e-6, low=0.0, optional=True, doc=r"$\epsilon$; `None` turns the approximate condition off"
    )
    stepsize_precision: Number = hyperparameter(
        default=1e-5, low=0.0, doc="the width of the interval, relative to its end, at which the search ends"
    )
    initial_guess_strategy: str = static(
        default="keep",
        choices=("keep", "one"),
        doc=(
            'the first step size: `"keep"`, that of the last search; or `"one"`, for the directions of '
            "quasi-Newton methods"
        ),
    )
    verbose: bool = static(default=False, doc="whether a failure is printed")

    @property
    def prints(self) -> bool:
        return self.verbose

    def init(self, params: Params) -> ScaleByZoomLinesearchState:
        zero = jnp.zeros((), float)
        info = ZoomLinesearchInfo(jnp.zeros((), jnp.int32), zero, zero)
        return ScaleByZoomLinesearchState(jnp.ones((), float), zero + jnp.inf, state_like(params), info)

    def begin(self, state: ScaleByZoomLinesearchState, value: Array, slope: Array, grad: Updates) -> Zoom:
        start = Point(jnp.zeros_like(value), value, slope)
        last = state.learning_rate if self.initial_guess_strategy == "keep" else 0.0
        first = jnp.minimum(jnp.where(last > 0, last, 1.0), self._longest())
        descends = (slope < 0) & jnp.isfinite(slope) & jnp.isfinite(value)
        unbounded = Point(*[jnp.full_like(value, jnp.inf)] * 3)
        error = excess(value - value, 0.0)
        first = first.astype(float)
        return Zoom(first, ~descends, jnp.zeros((), jnp.int32), start, start, unbounded, grad, error)

    def observe(self, position: Zoom, value: Array, slope: Array, grad: Updates) -> Zoom:
        finite = jnp.isfinite(value) & jnp.isfinite(slope)
        point = Point(position.trial, *(jnp.where(finite, x, jnp.inf) for x in (value, slope)))
        error = self._decrease_error(point, position.start)
        accepted = (error == 0) & (self._curvature_error(point, position.start) == 0)
        lower = (error == 0) & self._is_lower(point, position)
        moves = accepted | lower
        low, high = narrowed_to(point, moves, position.low, position.high)
        steps = position.steps + 1
        at_bound = moves & (point.step >= self._longest())
        ends = self._is_narrow(low, high) | at_bound | (steps >= self.max_linesearch_steps)
        return Zoom(
            jnp.minimum(next_trial(low, high, self.increase_factor), self._longest()),
            accepted | ends,
            steps,
            position.start,
            low,
            high,
            where(moves, grad, position.grad),
            error,
        )

    def finish(self, position: Zoom) -> ScaleByZoomLinesearchState:
        start, low = position.start, position.low
        error = jnp.where(low.step > 0, 0.0, position.decrease_error)
        info = ZoomLinesearchInfo(position.steps, error, self._curvature_error(low, start))
        return ScaleByZoomLinesearchState(low.step, low.value, position.grad, info)

    def _longest(self) -> Any:
        return jnp.inf if self.max_learning_rate is None else self.max_learning_rate

    def _decrease_error(self, point: Point, start: Point) -> Array:
        """By how much the step misses the first condition, in its usual or in its approximate form."""
        error = point.value - start.value - self.slope_rtol * point.step * start.slope
        if self.approx_dec_rtol is not None:
            steepness = point.slope + (1 - 2 * self.slope_rtol) * start.slope
            increase = point.value - start.value - self.approx_dec_rtol * jnp.abs(start.value)
            error = jnp.minimum(error, jnp.maximum(steepness, increase))
        return excess(error, self.tol)

    def _curvature_error(self, point: Point, start: Point) -> Array:
        return excess(jnp.abs(point.slope) - self.curv_rtol * jnp.abs(start.slope), self.tol)

    def _is_lower(self, point: Point, position: Zoom) -> Array:
        """Whether the value is below the lowest; slopes decide where the difference may be rounding."""
        rounding = 0.0 if self.approx_dec_rtol is None else self.approx_dec_rtol
        return point.value - position.low.value <= rounding * jnp.abs(position.start.value)

    def _is_narrow(self, low: Point, high: Point) -> Array:
        width, longer = jnp.abs(high.step - low.step), jnp.maximum(low.step, high.step)
        return (low.step > 0) & (width < jnp.inf) & (width <= self.stepsize_precision * longer)


def narrowed_to(point: Point, moves: Array, low: Point, high: Point) -> tuple[Point, Point]:
    """The interval after an evaluation (Nocedal and Wright, algorithms 3.5 and 3.6)."""
    passed = point.slope * jnp.sign(high.step - low.step) >= 0  # the minimum is between `low` and the point
    new_high = where(moves, where(passed, low, high), point)
    return where(moves, point, low), new_high


def next_trial(low: Point, high: Point, increase_factor: Any) -> Array:
    """The step to evaluate next: inside of the interval, or a longer one as long as there is no interval."""
    bounded = jnp.isfinite(high.step)
    width = jnp.where(bounded, high.step - low.step, 0.0)
    share = jnp.clip(cubic_minimizer(low, high, width), 0.1, 0.9)
    share = jnp.where(jnp.isfinite(high.value), share, SHRINKAGE)
    return jnp.where(bounded, low.step + share * width, increase_factor * low.step)


def cubic_minimizer(low: Point, high: Point, width: Array) -> Array:
    """The minimizer of the cubic through both ends, as a share of the width (equation 3.59), or 1/2."""
    rise, before, after = high.value - low.value, width * low.slope, width * high.slope
    d1 = before + after - 3.0 * rise
    size = jnp.maximum(jnp.abs(d1), jnp.maximum(jnp.abs(before), jnp.abs(after)))
    size = jnp.where(size > 0, size, 1.0)
    d1, before, after = d1 / size, before / size, after / size  # their squares could leave the range
    d2 = root(jnp.maximum(d1 * d1 - before * after, 0.0))
    share = 1.0 - (after + d2 - d1) / (after - before + 2.0 * d2)
    return jnp.where(jnp.isfinite(share), share, 0.5)

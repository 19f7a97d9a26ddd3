"""Searches along a line: their conditions, their failures, and the programs that they are."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import gradtx
from gradtx import (
    apply_updates,
    chain,
    has_failed,
    lbfgs,
    metrics,
    report,
    scale,
    scale_by_backtracking_linesearch,
    scale_by_zoom_linesearch,
    value_and_grad_from_state,
)
from gradtx.searches._search import _compiled_search

C1, C2 = 0.4, 0.45  # close to each other: both conditions decide

ZOOM = scale_by_zoom_linesearch(30, slope_rtol=C1, curv_rtol=C2, approx_dec_rtol=None)
BACKTRACKING = scale_by_backtracking_linesearch(
    60, slope_rtol=C1, decrease_factor=0.6, max_learning_rate=4.0, store_grad=True
)


def found(tx: Any, fun: Any, x: Any, u: Any, state: Any = None, **extra: Any) -> tuple[Any, Any]:
    """The updates and the state after one search from `x` along `u`."""
    value, grad = jax.value_and_grad(fun)(x, **extra)
    state = tx.init(x) if state is None else state
    return tx.update(u, state, x, value=value, grad=grad, value_fn=fun, **extra)


def quartic(x: Any, tilt: Any, curvature: Any) -> Any:
    """Two valleys of different depth, between them a hill."""
    return jnp.sum(x**4) / 4.0 - curvature * jnp.sum(x**2) / 2.0 + tilt * jnp.sum(x)


numbers = partial(st.floats, allow_nan=False, width=32)


@pytest.mark.parametrize("tx", [ZOOM, BACKTRACKING], ids=["zoom", "backtracking"])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(numbers(-2, 2), numbers(-1, 1), numbers(-1, 2), numbers(-3, 2))
def test_the_conditions_hold_at_the_result(
    tx: Any, x: float, tilt: float, curvature: float, size: float
) -> None:
    """Of steps that are at first too long or too short by up to three magnitudes."""
    with jax.enable_x64(True):
        fun = jax.tree_util.Partial(quartic, tilt=jnp.float64(tilt), curvature=jnp.float64(curvature))
        start = jnp.array([x, 0.3])
        slope = np.asarray(jax.grad(fun)(start))
        if np.linalg.norm(slope) < 1e-6:
            return
        u = -(10.0**size) * jnp.asarray(slope)
        updates, state = found(tx, fun, start, u)
        a = float(state.learning_rate)
        value, grad = jax.value_and_grad(fun)(start + a * u)
        before = float(slope @ u)
        assert a > 0
        np.testing.assert_allclose(updates, a * u, rtol=1e-12)
        assert value <= fun(start) + C1 * a * before + 1e-12
        if tx is ZOOM:
            assert abs(float(grad @ u)) <= C2 * abs(before) * (1 + 1e-9)
        assert int(state.outcome()) == 0
        np.testing.assert_allclose(state.value, value, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(state.grad, grad, rtol=1e-9, atol=1e-9)


def counted(fun: Any) -> tuple[Any, list[float]]:
    """A function that records its arguments."""
    seen: list[float] = []

    def recorded(x: Any) -> Any:
        jax.debug.callback(lambda x: seen.append(float(x)), x, ordered=True)
        return fun(x)

    return recorded, seen


def trials(tx: Any, fun: Any, x: float, u: float, slope: float) -> tuple[list[float], Any]:
    """The step sizes that a search tries, and its state."""
    recorded, seen = counted(fun)
    start = jnp.float32(x)
    _, state = tx.update(
        jnp.float32(u), tx.init(start), start, value=fun(start), grad=jnp.float32(slope), value_fn=recorded
    )
    jax.effects_barrier()
    return [(each - x) / u for each in seen], state


@pytest.mark.exhaustive
def test_a_step_that_is_too_short_grows() -> None:
    steps, state = trials(
        scale_by_zoom_linesearch(10, increase_factor=3.0, curv_rtol=0.5), lambda x: x**2, 100.0, -2.0, 200.0
    )
    np.testing.assert_allclose(steps, [1.0, 3.0, 9.0, 27.0], rtol=1e-5)
    assert (int(state.outcome()), int(state.info.num_linesearch_steps)) == (0, 4)


@pytest.mark.exhaustive
def test_a_step_that_is_too_long_goes_to_the_minimizer_of_the_cubic() -> None:
    """Of a cubic function the minimizer itself; an end is kept a tenth of the interval away."""

    def cubic(x: Any) -> Any:
        return x**3 - 3.0 * x

    steps, _ = trials(scale_by_zoom_linesearch(10), cubic, 0.0, 3.0, -3.0)
    np.testing.assert_allclose(steps, [1.0, 1 / 3], rtol=1e-5)
    steps, _ = trials(
        scale_by_zoom_linesearch(2), lambda x: 3020.0 * x**2 - 2010.0 * x**3 - 10.0 * x, 0.0, 1.0, -10.0
    )
    np.testing.assert_allclose(steps, [1.0, 0.1], rtol=1e-5)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf])
@pytest.mark.parametrize("kind", ["zoom", "backtracking"])
def test_a_value_that_is_not_finite_makes_the_step_a_tenth(kind: str, bad: float) -> None:
    tx = (
        scale_by_zoom_linesearch(10)
        if kind == "zoom"
        else scale_by_backtracking_linesearch(10, max_learning_rate=2.0)
    )

    def fun(x: Any) -> Any:
        return jnp.where(x < 0.05, 8.0 * x**2 - x, bad)

    steps, state = trials(tx, fun, 0.0, 1.0, -1.0)
    first = 1.0 if kind == "zoom" else 1.5
    np.testing.assert_allclose(steps, [first, 0.1 * first, 0.01 * first], rtol=1e-4)
    assert int(state.outcome()) == 0
    assert float(state.value) < 0


@pytest.mark.exhaustive
def test_the_search_begins_with_the_last_step_or_with_one() -> None:
    x = jnp.float32(1.0)
    for strategy, first in (("keep", 0.125), ("one", 1.0)):
        tx = scale_by_zoom_linesearch(10, 3.0, initial_guess_strategy=strategy)
        recorded, seen = counted(lambda x: 4.0 * x**2)
        state = tx.init(x)._replace(learning_rate=jnp.float32(0.125))
        found(tx, recorded, x, -8.0 * x, state)
        jax.effects_barrier()
        assert seen[1] == 1.0 - 8.0 * first  # the first evaluation is that of the test
    steps, state = trials(scale_by_zoom_linesearch(10, 0.0625), lambda x: 4.0 * x**2, 1.0, -8.0, 8.0)
    assert steps == [0.0625]
    assert float(state.learning_rate) == 0.0625


def test_the_best_step_is_the_result_where_a_worse_one_is_the_last() -> None:
    def fun(x: Any) -> Any:
        return 100.0 * jnp.maximum(x - 1.5, 0.0) ** 2 - x

    steps, state = trials(scale_by_zoom_linesearch(2), fun, 0.0, 1.0, -1.0)
    assert steps == [1.0, 2.0]
    assert (float(state.learning_rate), float(state.value), float(state.grad)) == (1.0, -1.0, -1.0)
    assert int(state.outcome()) == 3


def test_backtracking_reduces_and_grows_between_searches() -> None:
    tx = scale_by_backtracking_linesearch(10, decrease_factor=0.5, increase_factor=3.0, max_learning_rate=1.0)
    x, state, sizes = jnp.float32(1.0), None, []
    for _ in range(3):
        _, state = found(tx, lambda x: 2.0 * x**2, x, -4.0 * x, state)
        sizes.append(float(state.learning_rate))
    assert sizes == [0.25, 0.375, 0.25]  # from 1, from 3/4, and from 1
    assert state.grad is None


FAILURES = {
    "uphill": (scale_by_zoom_linesearch(5), lambda x: x**2, 1.0, 1, 0, 0.0),
    "no decrease": (scale_by_zoom_linesearch(2), jnp.abs, -100.0, 2, 2, 0.0),
    "steep": (scale_by_zoom_linesearch(1), lambda x: x**2, -1e-3, 3, 1, 1.0),
    "not finite": (scale_by_zoom_linesearch(3), lambda x: jnp.where(x == 1, x, jnp.nan), -1.0, 4, 3, 0.0),
    "no decrease, backtracking": (
        scale_by_backtracking_linesearch(1),
        jnp.abs,
        -100.0,
        2,
        2,
        0.8,
    ),
    "not finite, backtracking": (
        scale_by_backtracking_linesearch(2),
        lambda x: jnp.where(x == 1, x, jnp.nan),
        -1.0,
        4,
        3,
        0.0,
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_its_reason(name: str) -> None:
    search, fun, u, outcome, evaluations, size = FAILURES[name]
    x, tx = jnp.float32(1.0), chain(scale(1.0), search)
    _, state = tx.update(jnp.float32(u), tx.init(x), x, value=fun(x), grad=jnp.float32(1.0), value_fn=fun)
    assert {key: int(value) for key, value in metrics(state).items()} == {
        "evaluations": evaluations,
        "search_outcome": outcome,
    }
    assert bool(has_failed(tx, state)) == (outcome != 3)
    np.testing.assert_allclose(state[1].learning_rate, size)
    np.testing.assert_allclose(state[1].value, fun(x + size * u))
    words = {1: "no direction of descent", 2: "no step decreases", 3: "still steep", 4: "not finite"}
    assert words[outcome] in report(tx, state)


@pytest.mark.parametrize("verbose", [True, False])
def test_a_failure_is_printed_and_a_success_is_not(verbose: bool, capfd: pytest.CaptureFixture[str]) -> None:
    tx, x = scale_by_zoom_linesearch(5, verbose=verbose), jnp.float32(1.0)
    found(tx, lambda x: x**2, x, -x)
    jax.effects_barrier()
    assert not capfd.readouterr().out
    found(tx, lambda x: x**2, x, x)
    jax.effects_barrier()
    assert ("no direction of descent" in capfd.readouterr().out) == verbose


def test_after_a_search_without_a_finite_value_the_next_begins_anew() -> None:
    x = jnp.float32(1.0)
    tx = scale_by_backtracking_linesearch(2, max_learning_rate=0.5)
    _, state = found(tx, lambda x: jnp.where(x == 1, x, jnp.nan), x, -x)
    assert float(state.learning_rate) == 0.0
    _, state = found(tx, lambda x: x**2, x, -x, state)
    assert float(state.learning_rate) == 0.5


@pytest.mark.exhaustive
def test_slopes_decide_where_values_are_rounding() -> None:
    """Near a minimum of the value 1e4 no float32 shows the decrease, and the approximate condition does."""

    def fun(x: Any) -> Any:
        return 1e4 + jnp.sum((x - 1.0) ** 2)

    x = jnp.array([1.001, 0.998])
    for rtol, moves in ((1e-6, True), (None, False)):
        _, state = found(scale_by_zoom_linesearch(10, approx_dec_rtol=rtol), fun, x, -2.0 * (x - 1.0))
        assert (abs(float(state.learning_rate) - 0.5) < 1e-3) == moves


def squares(x: Any, data: Any) -> Any:
    return jnp.sum((x - data) ** 2)


@pytest.mark.parametrize("form", ["extra", "partial"])
def test_outside_of_jit_all_steps_are_one_program(form: str) -> None:
    """For data that differ at every step, as extra arguments or in a partial function."""
    tx, x = scale_by_zoom_linesearch(7 if form == "extra" else 8), jnp.zeros(3)
    state, before = tx.init(x), _compiled_search._cache_size()
    for step in range(4):
        data = jnp.full(3, step + 1.0)
        value, grad = jax.value_and_grad(squares)(x, data)
        extra = {"data": data} if form == "extra" else {}
        fun = squares if form == "extra" else partial(squares, data=data)
        updates, state = tx.update(-grad, state, x, value=value, grad=grad, value_fn=fun, **extra)
        x = apply_updates(x, updates)
        np.testing.assert_allclose(x, data, rtol=1e-5)
    assert _compiled_search._cache_size() == before + 1


def test_the_value_of_more_than_one_number_is_refused() -> None:
    tx, x = scale_by_zoom_linesearch(5), jnp.zeros(3)
    with pytest.raises(ValueError, match=r"one number as the value, got the shape \(3,\)"):
        tx.update(x, tx.init(x), x, value=0.0, grad=x, value_fn=lambda x: x)


def bowl(params: Any) -> Any:
    z = params["z"] - (1.0 + 2.0j)
    return jnp.sum((z * jnp.conj(z)).real) + 10.0 * jnp.sum((params["x"].astype("float32") - 0.5) ** 2)


@pytest.mark.exhaustive
def test_lbfgs_with_complex_16_bit_integer_and_none_leaves() -> None:
    tx = lbfgs()
    params = {
        "z": jnp.zeros(2, "complex64"),
        "x": jnp.full(3, 2.0, "bfloat16"),
        "steps": jnp.arange(2),
        "none": None,
    }
    state, value_and_grad = tx.init(params), value_and_grad_from_state(bowl)
    first, _ = value_and_grad(params, state=state)
    for _ in range(8):
        value, grad = value_and_grad(params, state=state)
        ascent = jax.tree.map(jnp.conj, grad)
        updates, state = tx.update(ascent, state, params, value=value, grad=grad, value_fn=bowl)
        params = apply_updates(params, updates)
    assert first > 50
    np.testing.assert_allclose(params["z"], np.full(2, 1.0 + 2.0j), atol=1e-3)
    np.testing.assert_array_equal(params["x"].astype("float32"), 0.5)
    np.testing.assert_array_equal(params["steps"], [0, 1])


@pytest.mark.parametrize("jitted", [True, False])
def test_value_and_grad_from_state(jitted: bool) -> None:
    """It evaluates the function once, before the first step, and gives what `jax.value_and_grad` gives."""
    recorded, seen = counted(lambda x: (x - 3.0) ** 4)
    tx, x = lbfgs(), jnp.float32(0.0)
    value_and_grad = value_and_grad_from_state(recorded)

    def step(x: Any, state: Any) -> Any:
        value, grad = value_and_grad(x, state=state)
        updates, state = tx.update(grad, state, x, value=value, grad=grad, value_fn=recorded)
        return apply_updates(x, updates), state, (value, grad)

    step = jax.jit(step) if jitted else step
    state, evaluations = tx.init(x), 1
    for _ in range(4):
        expected = jax.value_and_grad(lambda x: (x - 3.0) ** 4)(x)
        x, state, got = step(x, state)
        np.testing.assert_allclose(got, expected, rtol=1e-4)
        evaluations += int(metrics(state)["evaluations"])
    jax.effects_barrier()
    assert len(seen) == evaluations


@pytest.mark.parametrize(
    "tx", [gradtx.adam(0.1), scale_by_backtracking_linesearch(3)], ids=["none", "no gradient"]
)
def test_a_state_without_a_stored_gradient_is_refused(tx: Any) -> None:
    with pytest.raises(ValueError, match=r"the state has \d searches. It needs one that stores the gradient"):
        value_and_grad_from_state(squares)(jnp.zeros(2), state=tx.init(jnp.zeros(2)))


def test_a_direction_uphill_lets_no_value_rise() -> None:
    tx, x = scale_by_backtracking_linesearch(20, slope_rtol=0.9), jnp.float32(1.0)
    updates, state = found(tx, jnp.sqrt, x, jnp.float32(1.0))  # 2**0.5 is below 1 + 0.9 / 2
    assert int(state.outcome()) == 2
    assert float(updates) < 0.05  # the last of 20 reductions


@pytest.mark.parametrize("tolerances", [{"atol": 0.5}, {"rtol": 0.5}])
@pytest.mark.parametrize("offset", [-2.0, 0.0])
def test_backtracking_has_tolerances(tolerances: dict[str, float], offset: float) -> None:
    """The first step leads from 1 to 5/4, above the value by half of its size."""
    fun = jax.tree_util.Partial(lambda offset, x: x**2 + offset, offset)
    _, state = found(
        scale_by_backtracking_linesearch(5, **tolerances), fun, jnp.float32(1.0), jnp.float32(-2.2)
    )
    assert int(state.info.num_linesearch_steps) == 1
    assert float(state.value) > 1.4 + offset
    _, state = found(scale_by_backtracking_linesearch(5), fun, jnp.float32(1.0), jnp.float32(-2.2))
    assert int(state.info.num_linesearch_steps) == 2


def test_a_search_after_a_learning_rate_is_no_mistake() -> None:
    assert not gradtx.lint(chain(gradtx.sgd(1.0), scale_by_backtracking_linesearch(15)), jnp.zeros(2))
    assert not gradtx.lint(lbfgs(0.5), jnp.zeros(2))


def test_lbfgs_is_its_chain() -> None:
    search = scale_by_zoom_linesearch(20, initial_guess_strategy="one")
    assert lbfgs() == chain(gradtx.scale_by_lbfgs(), scale(-1.0), search)
    assert lbfgs(0.5, 3, False, None, history_dtype="bfloat16") == chain(
        gradtx.scale_by_lbfgs(3, False, history_dtype="bfloat16"),
        gradtx.scale_by_learning_rate(0.5),
        gradtx.identity(),
    )

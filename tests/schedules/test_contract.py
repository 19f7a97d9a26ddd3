"""What every public schedule keeps to, by itself and as a hyperparameter of an optimizer."""

from contextlib import suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import Schedule, constant_schedule, replace, sgd
from tests.schedules.cases import COUNTS, SCHEDULES, reciprocal
from tests.trajectories import in_precision_of

pytestmark = pytest.mark.exhaustive

NAMESPACE = {**vars(gradtx), "reciprocal": reciprocal}
FIELDS = [(name, field.name) for name, schedule in SCHEDULES.items() for field in schedule._fields]
NUMERIC = [name for name, schedule in SCHEDULES.items() if jax.tree.leaves(schedule)]
PARAMS = np.array([0.5, -0.25])
GRADIENTS = np.array([[1.0, -2.0], [0.5, 0.25], [-1.0, 4.0]])

STATE = gradtx.ScaleByScheduleState(np.int32(15))

every_schedule = pytest.mark.parametrize("name", SCHEDULES)
every_numeric_schedule = pytest.mark.parametrize("name", NUMERIC)


def another(schedule: Schedule, field: str) -> Any:
    """Another legal value of a field."""
    held = getattr(schedule, field)
    candidates = {
        float: lambda: (held + 1, 0.875 * held, 1.125 * held, held + 0.25),
        bool: lambda: (not held,),
        str: lambda: ("linear", "cosine", "1-sqrt", "+", "*"),
        tuple: lambda: (jax.tree.map(lambda number: number + 1, held),),
    }.get(type(held), lambda: (abs, 0.25))
    for candidate in candidates():
        with suppress(TypeError, ValueError):
            if getattr(replace(schedule, **{f".{field}": candidate}), field) != held:
                return candidate
    raise AssertionError(f"No other value of {field} is legal.")


@jax.jit
def final(tx: gradtx.GradientTransformation) -> jax.Array:
    """A loss after three updates."""
    params = jnp.asarray(PARAMS)
    state = tx.init(params)
    for gradient in jnp.asarray(GRADIENTS):
        updates, state = tx.update(gradient, state, params)
        params = params + updates
    return jnp.sum(params**2)


def first(name: str) -> Any:
    """A transformation with the schedule of this name as its only number."""
    return gradtx.scale_by_learning_rate(SCHEDULES[name])


def second(name: str) -> Any:
    """The same with half of each number of the schedule."""
    return jax.tree.map(lambda number: 0.5 * number, first(name))


def directional(function: Any, value: Any) -> tuple[float, float]:
    """The derivative of a function of a tree in one direction: of its gradient, and a central difference."""
    leaves, treedef = jax.tree.flatten(value)
    direction = np.random.default_rng(1).uniform(0.5, 1.5, len(leaves))
    gradient = np.array(jax.tree.leaves(jax.jit(jax.grad(function))(value)))
    ends = [treedef.unflatten(list(np.array(leaves) + h * direction)) for h in (-1e-6, 1e-6)]
    low, high = map(function, ends)
    return float(gradient @ direction), float(high - low) / 2e-6


def beside_the_kinks(schedule: Schedule) -> Schedule:
    """A schedule with every number a little larger, so that no phase begins at a count."""
    return jax.tree.map(lambda number: number + 0.0137, schedule)


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_replace_finds_each_of_its_own_names(name: str, field: str) -> None:
    schedule = SCHEDULES[name]
    new = another(schedule, field)
    changed = replace(schedule, **{f".{field}": new})
    assert type(changed) is type(schedule)
    assert getattr(changed, field) == schedule.converted(field, new)
    others = [other.name for other in schedule._fields if other.name != field]
    assert [getattr(changed, other) for other in others] == [getattr(schedule, other) for other in others]
    assert replace(sgd(schedule), **{f".learning_rate.{field}": new}) == sgd(changed)


def test_replace_finds_the_peak_in_any_optimizer() -> None:
    schedule = gradtx.warmup_cosine_decay_schedule(0.0, 0.1, 2, 10)
    tx = gradtx.chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw(schedule))
    state = tx.init(PARAMS)
    higher = replace(tx, peak_value=0.2)
    assert gradtx.hyperparams(higher, state)["peak_value"] == 0.2
    assert higher == gradtx.chain(
        gradtx.clip_by_global_norm(1.0), gradtx.adamw(gradtx.warmup_cosine_decay_schedule(0.0, 0.2, 2, 10))
    )
    once, _ = tx.update(GRADIENTS[0], tx.update(GRADIENTS[0], state, PARAMS)[1], PARAMS)
    twice, _ = higher.update(GRADIENTS[0], tx.update(GRADIENTS[0], state, PARAMS)[1], PARAMS)
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)


@every_numeric_schedule
def test_its_gradient_is_its_central_difference(name: str) -> None:
    weights = np.random.default_rng(0).uniform(0.5, 1.5, len(COUNTS))
    with in_precision_of("float64"):
        total = jax.jit(lambda schedule: jnp.sum(schedule(np.arange(len(COUNTS))) * weights))
        got, expected = directional(total, beside_the_kinks(SCHEDULES[name]))
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=1e-8)


@every_numeric_schedule
def test_its_gradient_is_finite_at_both_ends(name: str) -> None:
    gradient = jax.vmap(jax.grad(lambda schedule, count: schedule(count)), (None, 0))
    gradients = jax.jit(gradient)(SCHEDULES[name], jnp.array([0, 10, 20, 30, 50, 70, 80, 1000]))
    assert jax.tree.structure(gradients) == jax.tree.structure(SCHEDULES[name])
    assert np.isfinite(jax.tree.leaves(gradients)).all()


def test_the_gradient_of_a_root_is_finite_at_its_end() -> None:
    for schedule in (
        gradtx.polynomial_schedule(1.0, 0.0, 0.5, 10),
        gradtx.cosine_decay_schedule(1.0, 10, exponent=0.25),
        gradtx.one_minus_sqrt_schedule(1.0, 0.0, 10),
    ):
        total = jax.grad(lambda schedule: jnp.sum(schedule(jnp.array([0, 10, 20]))))
        assert np.isfinite(jax.tree.leaves(total(schedule))).all()


@every_numeric_schedule
def test_the_gradient_of_training_with_respect_to_the_whole_optimizer_is_the_central_difference(
    name: str,
) -> None:
    with in_precision_of("float64"):
        got, expected = directional(final, sgd(beside_the_kinks(SCHEDULES[name]), momentum=0.5))
    assert abs(expected) > 1e-6
    np.testing.assert_allclose(got, expected, rtol=2e-6)


@every_schedule
def test_a_number_in_its_place_keeps_the_state(name: str) -> None:
    tx = sgd(SCHEDULES[name], momentum=0.5)
    _, state = tx.update(GRADIENTS[0], tx.init(PARAMS), PARAMS)
    constant = replace(tx, learning_rate=0.25)
    assert constant == sgd(constant_schedule(0.25), momentum=0.5)
    assert "learning_rate=constant_schedule(value=0.25)" in repr(constant)
    updates, after = constant.update(GRADIENTS[1], state, PARAMS)
    np.testing.assert_allclose(updates, -0.25 * (0.5 * GRADIENTS[0] + GRADIENTS[1]), rtol=1e-6)
    assert gradtx.tree.get(after, "count") == 2
    assert replace(constant, learning_rate=SCHEDULES[name]) == tx


@every_schedule
def test_it_takes_no_number_s_place(name: str) -> None:
    with pytest.raises(TypeError, match=r"needs a count.*init\(params\).*constant_schedule\(0\.5\)"):
        replace(sgd(0.5), learning_rate=SCHEDULES[name])


@every_schedule
def test_an_optimizer_prints_it_as_the_expression_that_makes_it(name: str) -> None:
    tx = sgd(SCHEDULES[name])
    assert eval(repr(tx), NAMESPACE) == tx


@every_numeric_schedule
def test_other_numbers_do_not_retrace_an_optimizer(name: str) -> None:
    traces = []

    @jax.jit
    def update(tx: Any) -> Any:
        traces.append(None)
        return tx.update(jnp.asarray(GRADIENTS[0]), STATE)[0]

    for tx in (first(name), second(name)):
        expected = -tx.learning_rate(STATE.count) * GRADIENTS[0]
        np.testing.assert_allclose(update(tx), expected, rtol=1e-6, atol=1e-9)
    assert len(traces) == 1


@every_numeric_schedule
def test_many_of_them_are_one_stacked_value(name: str) -> None:
    both = [first(name), second(name)]
    stacked = jax.tree.map(lambda *numbers: jnp.array(numbers), *both)  # as float32
    counts = jnp.arange(len(COUNTS))
    curves = jax.vmap(lambda tx: tx.learning_rate(counts))(stacked)
    expected = [tx.learning_rate(counts) for tx in both]
    np.testing.assert_allclose(curves, expected, rtol=1e-6, atol=1e-9)
    updates = jax.vmap(lambda tx: tx.update(jnp.asarray(GRADIENTS[0]), STATE)[0])(stacked)
    np.testing.assert_allclose(updates, -jnp.outer(curves[:, 15], GRADIENTS[0]), rtol=1e-6)

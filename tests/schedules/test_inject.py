"""Hyperparameters in the state: they are read there, written there, and mean what they mean elsewhere."""

import inspect
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import inject, inject_hyperparams, linear_schedule, tree
from tests.cases import CASES
from tests.trajectories import gradients, parameters, trajectory

PARAMS, STEPS = parameters(), gradients(steps=5)
SCHEDULE = linear_schedule(0.5, 0.1, 4)
RATE = "learning_rate"


def assert_same(one: Any, other: Any, rtol: float = 1e-5) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-7), one, other)


ARGUMENTS = {"b1": 0.8, "weight_decay": 0.1, "mask": gradtx.except_bias_norm_embedding}


@pytest.mark.parametrize(
    "tx",
    [
        inject_hyperparams(gradtx.adamw)(SCHEDULE, **ARGUMENTS),
        inject(gradtx.adamw(SCHEDULE, **ARGUMENTS), (RATE, "b1", "weight_decay")),
    ],
    ids=["inject_hyperparams", "inject"],
)
def test_it_is_the_optimizer_itself(tx: Any) -> None:
    """With a schedule, with numbers, and with a mask, which is a function and yet no schedule."""
    got, _, state = trajectory(tx, PARAMS, STEPS)
    expected, _, _ = trajectory(gradtx.adamw(SCHEDULE, **ARGUMENTS), PARAMS, STEPS)
    # The complement of 0.999 in float32 is that of the number by 1e-5.
    assert_same(got, expected, 1e-4)
    assert state.count == 5
    np.testing.assert_allclose(state.hyperparams[RATE], 0.1)  # of the last update
    assert "mask" not in state.hyperparams


RATES = {
    "inject": inject(gradtx.sgd(0.1), RATE),
    "inject_hyperparams": inject_hyperparams(gradtx.sgd)(0.1),
}
either = pytest.mark.parametrize("tx", RATES.values(), ids=RATES)


@either
def test_what_is_written_is_used_without_another_trace(tx: Any) -> None:
    traces = []

    @jax.jit
    def update(g: Any, state: Any) -> Any:
        traces.append(None)
        return tx.update(g, state)

    state = tx.init(jnp.array(0.0))
    update(jnp.array(1.0), state)
    state.hyperparams[RATE] = jnp.float32(0.5)
    got, _ = update(jnp.array(1.0), state)
    assert (float(got), len(traces)) == (-0.5, 1)
    assert gradtx.hyperparams(tx, state)[RATE] == 0.5


@either
@pytest.mark.parametrize("written", [2, np.int32(2), np.float64(2.0), jnp.bfloat16(2.0)], ids=repr)
def test_the_state_keeps_its_dtype_whatever_is_written(tx: Any, written: Any) -> None:
    """A number of another type is another program once, and never again."""
    state = tx.init(jnp.array(0.0))
    expected = jax.typeof(state.hyperparams[RATE])
    update, state = tx.update(jnp.array(1.0), tree.set(state, learning_rate=written))
    assert update == -2.0
    assert jax.typeof(state.hyperparams[RATE]) == expected
    assert state.hyperparams[RATE] == 2.0


@pytest.mark.parametrize(
    "tx",
    [inject(gradtx.adamw(0.1), "b1"), inject_hyperparams(gradtx.adamw)(0.1)],
    ids=["inject", "inject_hyperparams"],
)
def test_what_is_written_is_not_checked(tx: Any) -> None:
    """Under `jit` it cannot be, and outside it is the same."""
    state = tx.init(PARAMS)
    state.hyperparams["b1"] = jnp.float32(1.5)
    compiled, _ = jax.jit(tx.update)(STEPS[0], state, PARAMS)
    assert_same(tx.update(STEPS[0], state, PARAMS)[0], compiled)
    assert gradtx.hyperparams(tx, state)["b1"] == 1.5
    with pytest.raises(ValueError, match="b1 must be at least 0 and below 1"):  # and construction does again
        gradtx.adamw(0.1, b1=1.5)


def test_a_schedule_overrules_what_is_written() -> None:
    tx = inject(gradtx.sgd(SCHEDULE), RATE)
    state = tree.set(tx.init(jnp.array(0.0)), learning_rate=jnp.float32(9.0))
    update, state = tx.update(jnp.array(1.0), state)
    assert (update, state.hyperparams[RATE]) == (-0.5, 0.5)
    np.testing.assert_allclose(gradtx.hyperparams(tx, state)[RATE], 0.4)


SKIPPING = {
    "accumulate": lambda tx: gradtx.accumulate(tx, 2),
    "conditionally_transform": lambda tx: gradtx.conditionally_transform(tx, lambda step: step % 2 == 1),
    "apply_if_finite": lambda tx: gradtx.apply_if_finite(tx, 3),
    "guard": gradtx.guard,
    "dynamic_loss_scale": lambda tx: gradtx.dynamic_loss_scale(tx, 1.0),
}


@pytest.mark.parametrize("name", SKIPPING)
def test_a_schedule_counts_where_it_stands(name: str) -> None:
    """Around what may leave out an update it stands still with it, beside an equal one that goes on."""

    def made(rate: Any) -> Any:
        return gradtx.chain(gradtx.scale_by_schedule(SCHEDULE), SKIPPING[name](gradtx.sgd(rate)))

    tx = inject(made(SCHEDULE), RATE)
    steps = [jnp.array(g) for g in (1.0, np.inf, 1.0, 2.0)]
    got, _, state = trajectory(tx, jnp.array(0.0), steps)
    expected, _, own = trajectory(made(SCHEDULE), jnp.array(0.0), steps)
    np.testing.assert_array_equal(got, expected)
    assert jax.tree.structure(state.inner_state) == jax.tree.structure(own)
    updates_made = 2 if name in ("accumulate", "conditionally_transform") else 3
    np.testing.assert_allclose(state.hyperparams[RATE], SCHEDULE(updates_made - 1))
    np.testing.assert_allclose(gradtx.hyperparams(tx, state)[RATE], SCHEDULE(updates_made))


def test_what_may_leave_out_an_update_declares_it() -> None:
    kinds = {type(case) for case in CASES.values()}
    assert {kind for kind in kinds if calls_update_if(kind)} == {kind for kind in kinds if kind.may_skip}


def calls_update_if(kind: type) -> bool:
    methods = [kind.apply, *filter(inspect.isfunction, vars(kind).values())]
    return any({"update_if", "update_if_finite"}.intersection(method.__code__.co_names) for method in methods)


def test_bfloat16_parameters_leave_hyperparameters_alone() -> None:
    params = jnp.ones(2, jnp.bfloat16)
    tx = inject_hyperparams(gradtx.adamw)(0.1)
    state = tx.init(params)
    assert {value.dtype for value in state.hyperparams.values()} == {jnp.dtype("float32")}
    update, _ = tx.update(params, state, params)
    np.testing.assert_allclose(update, -0.1, rtol=1e-3)


def test_a_sweep_over_what_is_in_the_state() -> None:
    tx = inject(gradtx.sgd(0.0), RATE)
    rates = jnp.array([0.1, 0.2, 0.3])
    states = jax.vmap(lambda rate: tree.set(tx.init(jnp.array(0.0)), learning_rate=rate))(rates)
    updates, _ = jax.vmap(lambda state: tx.update(jnp.array(1.0), state))(states)
    np.testing.assert_allclose(updates, -rates)


@pytest.mark.parametrize(
    ("inner", "names"),
    [
        (inject(gradtx.sgd(0.1), RATE), RATE),
        (gradtx.guard(inject(gradtx.sgd(0.1), RATE)), RATE),
        (inject_hyperparams(gradtx.sgd)(0.1), RATE),
        (gradtx.sgd(0.1), (RATE, "[1].learning_rate")),
        (gradtx.sgd(SCHEDULE), (RATE, "end_value")),
    ],
    ids=["nested", "around a wrapper", "around a factory", "a name and a path", "a part"],
)
def test_a_hyperparameter_is_in_the_state_once(inner: Any, names: Any) -> None:
    with pytest.raises(ValueError, match=r"learning_rate\S* is injected twice"):
        inject(inner, names)


def test_different_hyperparameters_may_be_in_several_states() -> None:
    tx = inject(inject(gradtx.momentum(0.1, 0.5), RATE), "decay")
    state = tx.init(jnp.array(0.0))
    assert gradtx.metrics(state) == gradtx.hyperparams(tx, state) == {"decay": 0.5, RATE: jnp.float32(0.1)}
    state = tree.set(state, decay=0.25, learning_rate=1.0)
    for expected in (-1.0, -1.25):
        update, state = tx.update(jnp.array(1.0), state)
        assert update == expected
    assert gradtx.replace(tx, decay=0.75) == inject(inject(gradtx.momentum(0.1, 0.75), RATE), "decay")
    assert pickle.loads(pickle.dumps(tx)) == eval(repr(tx), vars(gradtx)) == tx
    assert gradtx.summary(tx, jnp.zeros(2)).count("hyperparams") == 2


def test_a_number_in_a_schedule_may_be_written() -> None:
    tx = inject(gradtx.sgd(SCHEDULE), "init_value")
    state = tree.set(tx.init(jnp.array(0.0)), init_value=0.9)
    for expected in (-0.9, -0.7):
        update, state = tx.update(jnp.array(1.0), state)
        np.testing.assert_allclose(update, expected, rtol=1e-6)


def test_bad_names_are_refused_when_it_is_made() -> None:
    with pytest.raises(KeyError, match="Nothing is called 'lr'"):
        inject(gradtx.adamw(0.1), "lr")
    with pytest.raises(TypeError, match="inner is no number"):
        inject(gradtx.guard(gradtx.adamw(0.1)), "inner")
    with pytest.raises(ValueError, match="name at least one"):
        inject(gradtx.adamw(0.1), ())


@pytest.mark.parametrize(
    ("tx", "name"),
    [
        (gradtx.adamw(0.1), "mask"),
        (gradtx.accumulate(gradtx.sgd(0.1), 2), "every_k_schedule"),
        (gradtx.accumulate(gradtx.sgd(0.1), linear_schedule(1.0, 4.0, 10)), "end_value"),  # a float
        (gradtx.monitor({"norm": gradtx.exceeds(1.0)}), "measures"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_structure_is_refused_by_its_declaration(tx: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is structure, which no state can change"):
        inject(tx, name)


def test_a_state_with_other_names_is_refused() -> None:
    tx = inject(gradtx.adamw(0.1), "b1")
    state = inject(gradtx.adamw(0.1), "b2").init(PARAMS)
    with pytest.raises(ValueError, match="has the hyperparameters b2, and the optimizer b1"):
        tx.update(PARAMS, state, PARAMS)

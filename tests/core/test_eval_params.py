"""Where to evaluate: elsewhere for what says so, wherever it stands, and at the parameters for all others."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import apply_updates, by_path, eval_params, schedule_free_sgd
from tests.cases import CASES, extra_arguments, make_gradients, make_params

AVERAGING = schedule_free_sgd(0.1, warmup_steps=2)
LEAVES = {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.array(0.5)}
ON_KERNELS = by_path({"bias": False, "": True})


def trained(tx: Any, params: Any, steps: int = 3) -> tuple[Any, Any]:
    """State and parameters after some steps."""
    state = tx.init(params)
    for index in range(steps):
        gradients = make_gradients(params, index)
        updates, state = tx.update(gradients, state, params, **extra_arguments(tx, params))
        params = apply_updates(params, updates)
    return state, params


def may_evaluate_elsewhere(tx: Any) -> bool:
    own = type(tx).evaluation_params.__wrapped__
    return bool(tx.nested) or own is not gradtx.GradientTransformation.evaluation_params


@pytest.mark.parametrize("name", [name for name, tx in CASES.items() if may_evaluate_elsewhere(tx)])
def test_before_the_first_step_it_is_where_training_starts(name):
    tx, params = CASES[name], make_params(jnp.bfloat16)
    point = eval_params(tx, tx.init(params), params)
    assert jax.tree.structure(point) == jax.tree.structure(params)
    for got, expected in zip(jax.tree.leaves(point), jax.tree.leaves(params), strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "tx",
    [
        gradtx.adamw(0.1),
        gradtx.sgd(gradtx.linear_schedule(0.1, 0.0, 5)),
        gradtx.masked(gradtx.trace(0.9), ON_KERNELS),
        gradtx.partition({True: gradtx.adam(0.1), False: gradtx.sgd(0.1)}, ON_KERNELS),
        gradtx.add(gradtx.identity(), gradtx.ema(0.9)),
        gradtx.GradientTransformation(*gradtx.trace(0.9)),
    ],
    ids=["adamw", "schedule", "masked", "partition", "join", "functions"],
)
def test_what_evaluates_where_it_trains_gives_the_parameters_themselves(tx):
    state, params = trained(gradtx.as_transformation(tx), LEAVES)
    point = eval_params(tx, state, params)
    assert all(point[name] is params[name] for name in params)


@pytest.mark.parametrize(
    ("tx", "path", "averaged"),
    [
        (AVERAGING, "", {"kernel", "bias"}),
        (gradtx.chain(gradtx.clip(1.0), AVERAGING), "[1]", {"kernel", "bias"}),
        (gradtx.named_chain(("clip", gradtx.clip(1.0)), ("sf", AVERAGING)), "['sf']", {"kernel", "bias"}),
        (gradtx.masked(AVERAGING, ON_KERNELS), ".inner_state", {"kernel"}),
        (
            gradtx.partition({True: gradtx.chain(AVERAGING), False: gradtx.sgd(0.1)}, ON_KERNELS),
            ".inner_states[True].inner_state[0]",
            {"kernel"},
        ),
        (
            gradtx.chain(gradtx.masked(gradtx.partition({1: AVERAGING}, by_path({"": 1})), ON_KERNELS)),
            "[0].inner_state.inner_states[1].inner_state",
            {"kernel"},
        ),
    ],
    ids=["alone", "chain", "named chain", "masked", "partition", "nested"],
)
def test_the_average_is_found_wherever_it_stands(tx, path, averaged):
    state, params = trained(tx, LEAVES)
    average = gradtx.tree.get(state, f"{path}.inner.x")
    point = eval_params(tx, state, params)
    for name in params:
        if name in averaged:
            np.testing.assert_array_equal(point[name], average[name])
            assert np.all(point[name] != params[name])
        else:
            assert point[name] is params[name]


def test_under_jit_and_with_the_optimizer_as_an_argument():
    tx = gradtx.masked(AVERAGING, ON_KERNELS)
    params = {name: leaf.astype(jnp.bfloat16) for name, leaf in LEAVES.items()}
    state, params = trained(tx, params)
    compiled = jax.jit(eval_params)(tx, state, params)
    expected = eval_params(tx, state, params)
    for name in params:
        assert compiled[name].dtype == expected[name].dtype == jnp.bfloat16
        np.testing.assert_array_equal(compiled[name], expected[name])


def test_each_transformation_changes_what_the_one_before_it_returned():
    class doubled(gradtx.GradientTransformation):
        def apply(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
            return updates, state

        def evaluation_params(self, state: Any, params: Any) -> Any:
            return jax.tree.map(lambda p: 2.0 * p, params)

    tx = gradtx.chain(AVERAGING, doubled())
    state, params = trained(tx, LEAVES)
    np.testing.assert_array_equal(eval_params(tx, state, params)["bias"], 2.0 * state[0].inner.x["bias"])


def test_a_hook_sees_its_own_state_and_numbers_where_there_are_schedules():
    class shifted(gradtx.GradientTransformation):
        shift: Any = gradtx.hyperparameter()

        def apply(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
            return updates, state

        def evaluation_params(self, state: Any, params: Any) -> Any:
            assert state == gradtx.EmptyState()
            return params + self.shift

    tx = shifted(gradtx.linear_schedule(0.0, 1.0, 4))
    assert eval_params(tx, gradtx.ScaleByScheduleState(jnp.int32(1)), jnp.float32(1.0)) == 1.25


@pytest.mark.parametrize(
    ("tx", "other"),
    [
        (schedule_free_sgd(0.1), gradtx.adam(0.1)),
        (gradtx.scale_by_adam(), gradtx.trace(0.9)),
        (gradtx.chain(gradtx.clip(1.0), AVERAGING), AVERAGING),
        (gradtx.masked(AVERAGING, ON_KERNELS), AVERAGING),
        (AVERAGING, schedule_free_sgd(0.1)),
    ],
)
def test_the_state_of_another_optimizer_is_refused(tx, other):
    with pytest.raises(ValueError, match=r"Make it with init\(params\)|constant_schedule"):
        eval_params(tx, other.init(LEAVES), LEAVES)

"""Micro-batches: equal ones are exactly one batch, weights and skips count, and schedules count updates."""

import functools
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import accumulate, apply_every, skip_large_updates, skip_not_finite
from tests.cases import CASES, extra_arguments, takes_examples
from tests.contract.test_contract import is_named
from tests.trajectories import gradients, parameters, rate

G = {"w": jnp.array([3.0, -1.0])}
P = {"w": jnp.array([1.0, 2.0])}


def micro(tx: Any, batches: list[Any], params: Any = P, state: Any = None, **extra: Any) -> tuple[Any, Any]:
    """Every update, and the last state."""
    state = tx.init(params) if state is None else state
    made = []
    for g in batches:
        update, state = tx.update(g, state, params, **extra)
        made.append(update)
    return made, state


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "name", [name for name in CASES if is_named(name) and not takes_examples(CASES[name])]
)
def test_equal_micro_batches_are_exactly_one_batch(name: str) -> None:
    """For every optimizer, with a schedule inside that counts updates: 3 updates, of 3 micro-batches each."""
    tx = gradtx.chain(CASES[name], gradtx.scale_by_schedule(rate))
    shapes = {"kernel": (4, 3)}
    params, steps = parameters(shapes=shapes), gradients(shapes=shapes, steps=3)

    @functools.partial(jax.jit, static_argnames="times")
    def run(params: Any, steps: Any, times: int) -> Any:
        wrapped = accumulate(tx, times)
        state = wrapped.init(params)
        extra = extra_arguments(wrapped, params)
        for g in steps:
            for _ in range(times):
                updates, state = wrapped.update(g, state, params, **extra)
            params = gradtx.apply_updates(params, updates)
        return params, state.inner_opt_state

    # The same program but for the number of rounds: what differs would be the rule, not the rounding.
    once, thrice = run(params, steps, 1), run(params, steps, 3)
    assert jax.tree.structure(once) == jax.tree.structure(thrice)
    for one, other in zip(jax.tree.leaves(once), jax.tree.leaves(thrice), strict=True):
        if jnp.issubdtype(one.dtype, jnp.number):  # a random key is none
            np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-7)


def test_an_average_of_equal_gradients_is_that_gradient_to_the_bit() -> None:
    tenth = {"w": jnp.array([0.1, 1e-30])}
    (*zeros, last), state = micro(accumulate(gradtx.scale(-1.0), 7), [tenth] * 7)
    assert all(not jnp.any(update["w"]) for update in zeros)
    np.testing.assert_array_equal(last["w"], -tenth["w"])
    assert (state.mini_step, state.gradient_step) == (0, 1)


@pytest.mark.parametrize(("numbers", "weights"), [((3e38, -3e38, 3e38), (1, 1, 1)), ((-3e38, 3e38), (1, 9))])
def test_the_average_of_the_largest_numbers_is_finite(numbers: Any, weights: Any) -> None:
    tx = accumulate(gradtx.identity(), len(numbers), weighted=True)
    state = tx.init(P)
    for number, weight in zip(numbers, weights, strict=True):
        update, state = tx.update({"w": jnp.full(2, number)}, state, weight=float(weight))
    np.testing.assert_allclose(update["w"], np.average(numbers, weights=weights), rtol=1e-6)


def test_the_average_weighs_by_tokens() -> None:
    tx = accumulate(gradtx.identity(), 2, weighted=True)
    state = tx.init(P)
    _, state = tx.update({"w": jnp.array([1.0, 0.0])}, state, weight=30)
    update, state = tx.update({"w": jnp.array([5.0, 8.0])}, state, weight=10)
    np.testing.assert_allclose(update["w"], [2.0, 2.0], rtol=1e-6)
    assert tx.needs == {"weight"}
    with pytest.raises(ValueError, match=r"accumulate needs 'weight'"):
        tx.update(G, state)


def test_a_cycle_without_weight_makes_no_update() -> None:
    tx = accumulate(gradtx.trace(0.5), 2, weighted=True)
    (_, update), state = micro(tx, [{"w": jnp.array([jnp.nan, 1.0])}] * 2, weight=0.0)
    np.testing.assert_array_equal(update["w"], 0.0)
    np.testing.assert_array_equal(state.inner_opt_state.trace["w"], 0.0)
    assert state.gradient_step == 0
    assert not tx.has_updated(state)
    (_, update), state = micro(tx, [G, G], state=state, weight=1.0)
    np.testing.assert_array_equal(update["w"], G["w"])


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 1])
def test_a_weight_that_is_none_is_an_error_or_a_gradient_that_is_not_finite(
    weight: float, place: int
) -> None:
    """Traced, it spoils its own cycle, which a guard inside leaves out, and no other."""
    tx = accumulate(gradtx.apply_if_finite(gradtx.trace(0.5), 5), 2, weighted=True)
    with pytest.raises(ValueError, match="accumulate: weight must be a finite number of at least 0, got"):
        tx.update(G, tx.init(P), weight=weight)
    update = jax.jit(tx.update)
    state, weights = tx.init(P), [1.0, 1.0, 1.0, 1.0]
    weights[place] = weight
    for step, each in enumerate(weights):
        updates, state = update(G, state, P, weight=each)
        if step == 1:
            np.testing.assert_array_equal(updates["w"], 0.0)
            assert state.inner_opt_state.total_notfinite == 1
    np.testing.assert_array_equal(updates["w"], G["w"])


def test_the_sum_on_request_and_apply_every() -> None:
    for tx in (accumulate(gradtx.identity(), 2, use_grad_mean=False), apply_every(2)):
        (first, second), _ = micro(tx, [G, {"w": jnp.array([1.0, 1.0])}])
        np.testing.assert_array_equal(first["w"], 0.0)
        np.testing.assert_array_equal(second["w"], [4.0, 0.0])


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, 1e6])
def test_a_skipped_micro_batch_leaves_no_trace(bad: float) -> None:
    skips = functools.partial(skip_large_updates, max_squared_norm=100.0) if bad == 1e6 else skip_not_finite
    tx = accumulate(gradtx.scale(-1.0), 2, should_skip_update_fn=skips)
    other = {"w": jnp.array([1.0, 1.0])}
    made, state = jax.jit(lambda: micro(tx, [G, {"w": jnp.array([bad, 0.0])}, other]))()
    np.testing.assert_array_equal(made[1]["w"], 0.0)
    np.testing.assert_array_equal(made[2]["w"], [-2.0, 0.0])
    assert (state.mini_step, state.gradient_step) == (0, 1)
    assert not state.skip_state["should_skip"]


def test_an_update_is_told_once() -> None:
    """Not again by a micro-batch that is skipped before the next cycle begins."""
    tx = accumulate(gradtx.identity(), 2, should_skip_update_fn=skip_not_finite)
    bad, state, told = {"w": jnp.array([jnp.nan, 0.0])}, tx.init(P), []
    for g in (G, G, bad, G, bad, G):
        _, state = jax.jit(tx.update)(g, state, P)
        told.append(bool(tx.has_updated(state)))
    assert told == [False, True, False, False, False, True]


def test_a_bad_cycle_does_not_spoil_the_next() -> None:
    """Without a skip function a NaN goes through, once."""
    tx = accumulate(gradtx.identity(), 2)
    made, _ = micro(tx, [{"w": jnp.array([jnp.nan, 0.0])}, G, G, G])
    assert jnp.isnan(made[1]["w"][0])
    np.testing.assert_array_equal(made[3]["w"], G["w"])


def test_a_growing_period_counts_updates() -> None:
    tx = accumulate(gradtx.identity(), lambda step: 1 + step.astype(float))
    _, state = micro(tx, [G] * 6)
    assert (state.gradient_step, state.mini_step) == (3, 0)  # 1 + 2 + 3
    assert tx.has_updated(state)


def test_extra_arguments_arrive_in_a_chain() -> None:
    """Those of the call that ends the cycle reach the inner transformation, which runs in no other."""
    reads = gradtx.GradientTransformation(
        lambda params: jnp.zeros(()),
        lambda u, s, p=None, *, value: (jax.tree.map(lambda g: g * value, u), s + 1),
    )
    tx = gradtx.chain(gradtx.identity(), accumulate(reads, 2))
    state = tx.init(P)
    for value in (5.0, 7.0):
        update, state = tx.update(G, state, P, value=value)
    np.testing.assert_array_equal(update["w"], 7.0 * G["w"])
    assert state[1].inner_opt_state == 1


def test_bfloat16_gradients_average_in_float32() -> None:
    params = {"w": jnp.ones(1, jnp.bfloat16)}
    tx = accumulate(gradtx.identity(), 512)

    def step(state: Any, g: Any) -> Any:
        updates, state = tx.wide_update(g, state, params)
        return state, updates

    batches = {"w": jnp.ones((512, 1), jnp.bfloat16).at[-1].set(3.0)}
    state, updates = jax.jit(lambda: jax.lax.scan(step, tx.init(params), batches))()
    assert state.acc_grads["w"].dtype == jnp.float32
    np.testing.assert_allclose(updates["w"][-1], 1 + 2 / 512, rtol=1e-6)


def test_one_branch_runs_the_inner_update() -> None:
    """The compiled program has one conditional, and the square root of Adam stands in it alone."""
    tx = accumulate(gradtx.adam(0.1), 4)
    lowered = jax.jit(tx.update).lower(G, tx.init(P), P).as_text()
    assert lowered.count("stablehlo.case") == 1
    assert "stablehlo.sqrt" in lowered


@pytest.mark.parametrize("every_k", [0, -1, True, 2.5, "4"])
def test_the_period_is_checked(every_k: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="every_k_schedule must be"):
        accumulate(gradtx.identity(), every_k)


def test_a_period_longer_than_any_count_never_ends() -> None:
    tx = accumulate(gradtx.identity(), sys.maxsize)
    made, state = micro(tx, [G, G])
    assert not any(jnp.any(update["w"]) for update in made)
    assert (state.mini_step, state.gradient_step) == (2, 0)


def test_a_weight_for_somebody_else_is_not_obeyed() -> None:
    (_, update), _ = micro(
        accumulate(gradtx.sgd(1.0), 2), [{"w": jnp.ones(2)}, {"w": 3 * jnp.ones(2)}], weight=3.0
    )
    np.testing.assert_array_equal(update["w"], -2.0)


def test_cycles_of_cycles_weigh_by_all_their_tokens() -> None:
    tx = accumulate(accumulate(gradtx.identity(), 2, weighted=True), 2, weighted=True)
    state, numbers, weights = tx.init(P), (1.0, 2.0, 5.0, 9.0), (1.0, 3.0, 1.0, 1.0)
    for number, weight in zip(numbers, weights, strict=True):
        update, state = tx.update({"w": jnp.full(2, number)}, state, weight=weight)
    np.testing.assert_allclose(update["w"], np.average(numbers, weights=weights), rtol=1e-6)

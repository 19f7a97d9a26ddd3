"""Stacks: values, members, axes of their state, and the programs that a sweep compiles to."""

import re
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import GradientTransformation, member, members, stack, state_axes, unstack
from tests.cases import CASES

RATES = jnp.array([0.1, 0.2, 0.4])
PARAMS = {"kernel": jnp.linspace(-1.0, 1.0, 12).reshape(4, 3), "bias": jnp.ones(3)}


def scaled(tx: GradientTransformation, factor: float) -> Any:
    return jax.tree.map(lambda number: number * factor, tx)


@pytest.mark.parametrize("name", [name for name in CASES if jax.tree.leaves(CASES[name])])
def test_a_stack_of_any_optimizer_has_its_members(name: str) -> None:
    each = [CASES[name], scaled(CASES[name], 0.9)]
    stacked = stack(each)
    assert (members(each[0]), members(stacked)) == ((), (2,))
    assert stacked == stack(each)
    assert (stacked == stack(each[::-1])) == (each[0] == each[1])  # 0 is 0 times anything
    assert hash(stacked) == hash(stack(each))
    assert repr(stacked) != repr(each[0])
    apart = unstack(stacked)
    for index, tx in enumerate(each):
        assert apart[index] == member(stacked, index)
        assert jax.tree.structure(apart[index]) == jax.tree.structure(tx)
        for number, own in zip(jax.tree.leaves(apart[index]), jax.tree.leaves(tx), strict=True):
            assert type(number) is type(own)
            assert np.float32(number) == np.float32(own)
    assert stack(apart) == stacked


def test_a_mapped_constructor_makes_the_same_stack() -> None:
    assert jax.vmap(gradtx.adamw)(RATES) == stack([gradtx.adamw(rate) for rate in RATES])


def test_decimal_numbers_come_back_as_they_were() -> None:
    each = [gradtx.adamw(1e-3), gradtx.adamw(3e-4, b2=0.95)]
    assert unstack(stack(each)) == each


def test_a_grid_has_two_axes() -> None:
    grid = stack([stack([gradtx.sgd(rate, momentum=m) for m in (0.5, 0.9)]) for rate in (0.1, 0.2, 0.4)])
    assert members(grid) == (3, 2)
    assert member(grid, (2, 0)) == gradtx.sgd(0.4, momentum=0.5)
    assert member(grid, 1) == stack([gradtx.sgd(0.2, momentum=m) for m in (0.5, 0.9)])
    assert unstack(member(grid, -1))[1] == gradtx.sgd(0.4, momentum=0.9)
    with pytest.raises(IndexError, match=r"shape \(3, 2\), and no member \(0, 2\)"):
        member(grid, (0, 2))


def test_a_traced_index_picks_a_member() -> None:
    tx = jax.jit(lambda index: member(jax.vmap(gradtx.scale)(RATES), index))(2)
    assert tx == gradtx.scale(RATES[2])


NO_STACKS: dict[str, tuple[list[Any], str]] = {
    "an option": (
        [gradtx.adam(0.1), gradtx.adam(0.1, mu_dtype="bfloat16")],
        r"chain\.transformations\[0\]\.mu_dtype\n  member 0 has None\n  member 1 has dtype\(bfloat16\)",
    ),
    "a schedule": (
        [gradtx.sgd(0.1)] * 2 + [gradtx.sgd(gradtx.linear_schedule(0.1, 0.0, 9))],
        r"transformations\[1\]\.learning_rate\n  member 0 has 0\.1\n  member 2 has linear_schedule",
    ),
    "an optional number": (
        [gradtx.sgd(gradtx.exponential_decay(0.1, 9, 0.5, end_value=end)) for end in (None, 0.01)],
        r"transformations\[1\]\.learning_rate\.end_value\n  member 0 has None\n  member 1 has 0\.01",
    ),
    "another rule": (
        [gradtx.sgd(0.1), gradtx.adam(0.1)],
        r"has identity\(\)\n  member 1 has scale_by_adam",
    ),
    "another length": ([gradtx.chain(), gradtx.chain(gradtx.clip(1.0))], r"At chain\.transformations\n"),
    "stacks of two shapes": (
        [stack([gradtx.sgd(0.1)] * 2), stack([gradtx.sgd(0.1)] * 3)],
        r"shape \(2,\), and member 1 of \(3,\)",
    ),
    "no numbers": ([gradtx.identity()] * 2, r"identity\(\) has no numbers"),
    "nothing": ([], "got none"),
    "bounds": (
        unstack(jax.vmap(lambda b1: gradtx.adam(0.1, b1=b1))(jnp.array([0.5, 1.5]))),
        r"scale_by_adam: b1 must be at least 0 and below 1, and a member has 1\.5",
    ),
}


@pytest.mark.parametrize(("each", "message"), NO_STACKS.values(), ids=NO_STACKS)
def test_members_that_are_no_stack_are_refused_with_the_place(each: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)^stack.*{message}"):
        stack(each)


def test_other_values_are_refused() -> None:
    with pytest.raises(TypeError, match="list of optimizers, got one"):
        stack(gradtx.adam(0.1))  # pyright: ignore - that is the mistake
    for function in (unstack, lambda tx: member(tx, 0)):
        with pytest.raises(ValueError, match=r"takes a stack of optimizers, .* got scale\(step_size=0\.1\)"):
            function(gradtx.scale(0.1))
    mixed = gradtx.chain(jax.vmap(gradtx.scale)(RATES), gradtx.scale(0.1))
    with pytest.raises(ValueError, match=r"different shapes, \(3,\) and \(\)"):
        members(mixed)


def test_a_summary_counts_all_members() -> None:
    rows = gradtx.summary(jax.vmap(gradtx.adam)(RATES), PARAMS).rows
    assert [row[4] for row in rows] == ["12 B", "180 B", "180 B", "", "372 B"]
    assert rows[-1][:3] == ("all 3 members", "", "5")


def is_shared(tx: GradientTransformation) -> Any:
    """For each array of the state of a stack, whether the members share it."""
    axes = state_axes(tx, PARAMS)
    return jax.tree.map(lambda axis: axis is None, axes, is_leaf=lambda axis: axis is None)


def test_the_members_share_the_counts_of_updates_alone() -> None:
    rate = gradtx.linear_schedule(0.1, 0.0, 9)
    tx = jax.vmap(lambda b1: gradtx.chain(gradtx.ademamix(rate, b1=b1), gradtx.trace(0.9)))(RATES)
    shared = is_shared(tx)
    assert (shared[0][0].count, shared[0][0].count_m2, shared[0][-1].count) == (True, True, True)
    assert (shared[0][0].m1["bias"], shared[1].trace["kernel"]) == (False, False)


SKIPPING: dict[str, tuple[Any, bool]] = {
    "accumulate": (lambda tx: gradtx.accumulate(tx, 2), True),
    "accumulate with weights": (lambda tx: gradtx.accumulate(tx, 2, weighted=True), False),
    "accumulate that skips": (
        lambda tx: gradtx.accumulate(tx, 2, should_skip_update_fn=gradtx.skip_not_finite),
        False,
    ),
    "a condition on the count": (lambda tx: gradtx.conditionally_mask(tx, lambda step: step > 1), True),
    "a condition on more": (
        lambda tx: gradtx.conditionally_mask(tx, lambda step, **extra: step > 1, forward_extra_args=True),
        False,
    ),
    "guard": (gradtx.guard, False),
    "apply_if_finite": (lambda tx: gradtx.apply_if_finite(tx, 2), False),
    "lookahead": (lambda tx: gradtx.lookahead(tx, 2, 0.5), True),
}


@pytest.mark.parametrize(("make", "inside"), SKIPPING.values(), ids=SKIPPING)
def test_what_may_be_skipped_for_one_member_counts_for_each(make: Any, inside: bool) -> None:
    tx = make(gradtx.scale_by_adam())
    ((_, _, inner),) = tx.parts(tx.own_state(is_shared(stack([tx, scaled(tx, 0.5)]))))
    assert inner.count is inside


def test_the_count_of_accumulated_batches_is_shared_where_none_is_skipped() -> None:
    shared = is_shared(stack([gradtx.accumulate(gradtx.sgd(0.1), 2)] * 2))
    assert (shared.mini_step, shared.gradient_step) == (True, True)
    shared = is_shared(stack([gradtx.accumulate(gradtx.sgd(0.1), 2, weighted=True)] * 2))
    assert (shared.mini_step, shared.gradient_step) == (False, False)


class CountedState(NamedTuple):
    """The state of `counted`."""

    seen: Any


def test_a_declared_count_must_be_a_field() -> None:
    with pytest.raises(
        TypeError, match="counts names 'count', which is no field of the state; they are seen"
    ):

        class counted(GradientTransformation, state=CountedState, counts=("count",)):  # pyright: ignore
            pass


def mapped_step(axes: Any) -> Any:
    def step(tx: Any, gradients: Any, state: Any, params: Any) -> Any:
        return tx.update(gradients, state, params)

    return jax.jit(jax.vmap(step, in_axes=(0, None, axes, None), out_axes=(0, axes)))


def test_a_sweep_of_soap_keeps_its_branches_and_its_numbers() -> None:
    tx = jax.vmap(lambda rate: gradtx.soap(rate, update_interval=2))(RATES)
    # Square and random, hence of full rank: in a null space the vectors of a basis are arbitrary.
    square = {"kernel": jnp.ones((3, 3)), "bias": jnp.ones(3)}
    keys = jax.random.split(jax.random.key(0), 4)
    gradients = [jax.tree.map(lambda p, k=key: jax.random.normal(k, p.shape), square) for key in keys]
    conditionals: list[int] = []
    results: list[Any] = []
    updates: Any = None
    for axes in (state_axes(tx, square), 0):
        state = jax.vmap(lambda tx: tx.init(square), out_axes=axes)(tx)
        step = mapped_step(axes).lower(tx, gradients[0], state, square).compile()
        conditionals.append(len(re.findall(r" conditional\(", step.as_text())))
        for g in gradients:
            updates, state = step(tx, g, state, square)
        results.append(updates)
    assert conditionals == [1, 0]  # one leaf has bases
    alone: Any = None
    for index, one in enumerate(unstack(tx)):
        state, step = one.init(square), jax.jit(one.update)
        for g in gradients:
            alone, state = step(g, state, square)
        for updates in results:
            for leaf, own in zip(jax.tree.leaves(updates), jax.tree.leaves(alone), strict=True):
                np.testing.assert_allclose(leaf[index], own, rtol=2e-3, atol=1e-5)

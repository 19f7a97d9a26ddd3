"""Laws that hold for any transformations, gradients and hyperparameters."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import gradtx
from gradtx import GradientTransformation, chain, constant_schedule
from tests.cases import CASES, takes_examples

PARAMS = {"w": jnp.array([[0.5, -1.0], [2.0, 0.0]]), "b": jnp.array(1.0)}

transformations = st.sampled_from(
    [tx for tx in CASES.values() if tx.needs <= {"params"} and not takes_examples(tx)]
)
# Below 1e-3 the squares come near the smallest float32, where scale matters to every rule.
floats = st.floats(-100.0, 100.0, width=32).map(lambda x: x if abs(x) > 1e-3 else 0.0)
gradients = st.builds(
    lambda w, b: {"w": jnp.array(w, jnp.float32).reshape(2, 2), "b": jnp.array(b, jnp.float32)},
    st.lists(floats, min_size=4, max_size=4),
    floats,
)
fractions = st.floats(0.0, 0.99)
positive = st.floats(2.0**-10, 2.0**10, width=32)

law = settings(max_examples=25, deadline=None)


def two_steps(tx: GradientTransformation, g: Any) -> tuple[Any, Any]:
    state = tx.init(PARAMS)
    _, state = tx.update(g, state, PARAMS)
    return tx.update(jax.tree.map(lambda x: 0.5 * x, g), state, PARAMS)


def assert_equal(one: Any, other: Any, rtol: float = 0.0) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, equal_nan=True), one, other)


@pytest.mark.exhaustive
@law
@given(transformations, transformations, transformations, gradients)
def test_chain_associates(a: Any, b: Any, c: Any, g: Any) -> None:
    flat, (s, t, u) = two_steps(chain(a, b, c), g)
    left, ((s1, t1), u1) = two_steps(chain(chain(a, b), c), g)
    right, (s2, (t2, u2)) = two_steps(chain(a, chain(b, c)), g)
    assert_equal(left, flat)
    assert_equal(right, flat)
    assert_equal((s1, t1, u1), (s, t, u))
    assert_equal((s2, t2, u2), (s, t, u))


@pytest.mark.exhaustive
@law
@given(transformations.filter(lambda tx: not tx.wide), gradients)  # nothing follows one that is wide
def test_identity_and_the_empty_chain_are_neutral(tx: Any, g: Any) -> None:
    alone, state = two_steps(tx, g)
    for neutral in (gradtx.identity(), chain(), gradtx.scale(1.0)):
        before, (_, inner) = two_steps(chain(neutral, tx), g)
        after, (same, _) = two_steps(chain(tx, neutral), g)
        assert_equal((before, inner), (alone, state))
        assert_equal((after, same), (alone, state))


@pytest.mark.exhaustive
@law
@given(fractions, fractions, positive, gradients)
def test_a_constant_schedule_equals_a_number(b1: float, b2: float, rate: float, g: Any) -> None:
    number, (adam, _) = two_steps(gradtx.adam(rate, b1, b2), g)
    b1, b2, rate = (constant_schedule(value) for value in (b1, b2, rate))
    scheduled, (counted, _) = two_steps(gradtx.adam(rate, b1, b2), g)
    # A schedule's value is a float32 array, and the complement of a float32 decay near 1 is coarser.
    assert_equal(scheduled, number, rtol=1e-4)
    assert_equal(counted.inner.nu, adam.nu, rtol=1e-4)


@pytest.mark.exhaustive
@law
@given(positive, gradients)
def test_norm_clipping_never_lengthens_and_never_turns(bound: float, g: Any) -> None:
    tx = gradtx.clip_by_global_norm(bound)
    clipped, _ = tx.update(g, tx.init(PARAMS))
    before, after = (float(gradtx.global_norm(tree)) for tree in (g, clipped))
    np.testing.assert_allclose(after, min(before, bound), rtol=1e-5)
    if before > 0:
        jax.tree.map(lambda c, x: np.testing.assert_allclose(c, x * (after / before), rtol=1e-5), clipped, g)


@pytest.mark.exhaustive
@law
@given(positive, gradients)
def test_clipping_is_idempotent_and_bounds_what_it_names(bound: float, g: Any) -> None:
    bounds = {
        gradtx.clip(bound): lambda leaf: jnp.max(jnp.abs(leaf)),
        gradtx.clip_by_block_norm(bound): lambda leaf: jnp.sqrt(jnp.sum(leaf**2)),
        gradtx.clip_by_block_rms(bound): lambda leaf: jnp.sqrt(jnp.mean(leaf**2)),
    }
    for tx, measure in bounds.items():
        once, state = tx.update(g, tx.init(PARAMS))
        twice, _ = tx.update(once, state)
        assert_equal(twice, once, rtol=1e-6)
        for leaf, original in zip(jax.tree.leaves(once), jax.tree.leaves(g), strict=True):
            assert measure(leaf) <= bound * (1 + 1e-5)
            if measure(original) <= bound:
                np.testing.assert_array_equal(leaf, original)


@pytest.mark.exhaustive
@law
@given(st.integers(-8, 8), gradients)
def test_adaptive_directions_do_not_depend_on_the_scale_of_the_gradient(power: int, g: Any) -> None:
    scaled = jax.tree.map(lambda x: x * 2.0**power, g)
    for tx in (
        gradtx.scale_by_adam(eps=0.0),
        gradtx.scale_by_amsgrad(eps=0.0),
        gradtx.scale_by_rms(eps=0.0),
        gradtx.scale_by_rss(0.0, eps=0.0),
    ):
        assert_equal(two_steps(tx, scaled)[0], two_steps(tx, g)[0], rtol=1e-6)


@pytest.mark.exhaustive
@law
@given(positive, gradients)
def test_momentum_and_averages_are_linear(factor: float, g: Any) -> None:
    scaled = jax.tree.map(lambda x: x * factor, g)
    for tx in (gradtx.trace(0.9), gradtx.trace(0.9, nesterov=True), gradtx.ema(0.9), gradtx.first_moment()):
        expected = jax.tree.map(lambda x: x * factor, two_steps(tx, g)[0])
        assert_equal(two_steps(tx, scaled)[0], expected, rtol=1e-5)


@law
@given(positive, gradients)
def test_a_mask_of_true_is_no_mask_and_of_false_is_the_identity(decay: float, g: Any) -> None:
    everything, _ = two_steps(gradtx.add_decayed_weights(decay), g)
    assert_equal(two_steps(gradtx.add_decayed_weights(decay, mask=True), g)[0], everything)
    assert_equal(
        two_steps(gradtx.add_decayed_weights(decay, mask=False), g)[0], two_steps(gradtx.identity(), g)[0]
    )

"""Guarding: faults and spikes are kept out, counted and located; clipping against Kumar et al. (2025)."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import guard
from tests.faults import PARAMS, STEPS, assert_same, clean_gradients, spoiled, train


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_a_loss_that_is_not_finite(bad: float) -> None:
    values = [bad if t == 7 else 1.0 for t in range(STEPS)]
    tx = guard(gradtx.adamw(0.01), watch_loss=True)
    params, state = train(tx, clean_gradients(), values)
    expected, _ = train(gradtx.adamw(0.01), [g for t, g in enumerate(clean_gradients()) if t != 7])
    assert_same(params, expected)
    assert state.skipped == 1
    assert tx.report(state, PARAMS).endswith("the loss, or a norm that overflowed.")


def test_squares_that_overflow_are_kept_out_of_the_averages() -> None:
    faulty = clean_gradients()
    faulty[10] = spoiled(faulty[10], 1e25)
    params, state = train(guard(gradtx.adam(0.01)), faulty)
    assert state.skipped == 1
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((params, state.inner_state)))


class TestSpikes:
    """A gradient of 50 where the norm is 3 and varies by 0.1."""

    faulty = tuple(spoiled(g, 50.0) if t in (30, 31) else g for t, g in enumerate(clean_gradients()))

    def test_a_spike_is_skipped_and_the_next_one_is_still_a_spike(self) -> None:
        _, state = train(guard(gradtx.adam(0.01)), self.faulty)
        assert state.skipped == 2
        _, clean_state = train(
            guard(gradtx.adam(0.01)), [g for t, g in enumerate(self.faulty) if t not in (30, 31)]
        )
        assert_same(state.norm, clean_state.norm)

    def test_none_is_looked_for_without_a_bound_or_in_the_warmup(self) -> None:
        for tx in (guard(gradtx.sgd(0.1), jnp.inf), guard(gradtx.sgd(0.1), warmup_steps=100)):
            _, state = train(tx, self.faulty)
            assert (state.skipped, state.accepted) == (0, STEPS)

    def test_a_spike_of_the_loss_is_skipped_whatever_the_policy(self) -> None:
        values = [9.0 if t == 35 else 1 + 0.1 * np.sin(t) for t in range(STEPS)]
        tx = guard(gradtx.sgd(0.1), watch_loss=True, on_spike="clip")
        _, state = train(tx, clean_gradients(), values)
        assert (state.skipped, state.clipped) == (1, 0)

    def test_clipping_is_that_of_zclip(self) -> None:
        """Kumar et al. (2025), algorithm 1, in double precision: mean, variance, z, and the clipped norm."""
        norms = [
            np.sqrt(sum(np.sum(np.square(np.float64(x))) for x in jax.tree.leaves(g))) for g in self.faulty
        ]
        d, bound, warmup = 0.9, 2.5, 10
        mean, variance = np.mean(norms[:warmup]), np.var(norms[:warmup])
        clipped, lengths = 0, list(norms[:warmup])
        for length in norms[warmup:]:
            z = (length - mean) / np.sqrt(variance)
            x = mean + bound**2 / z * np.sqrt(variance) if z > bound else length
            clipped += z > bound
            lengths.append(x)
            mean = d * mean + (1 - d) * x
            variance = d * variance + (1 - d) * (x - mean) ** 2
        tx = guard(gradtx.sgd(1.0), bound, d, warmup, "clip")
        state, got, update = tx.init(PARAMS), [], jax.jit(tx.update)
        for g in self.faulty:
            updates, state = update(g, state, PARAMS)
            got.append(gradtx.global_norm(updates))
        assert clipped > 0
        assert (state.clipped, state.skipped) == (clipped, 0)
        np.testing.assert_allclose(got, lengths, rtol=2e-5)
        np.testing.assert_allclose(state.norm, (mean, variance), rtol=2e-4)


def test_a_number_that_never_varied_makes_no_spike_of_a_rounding() -> None:
    tx = guard(gradtx.sgd(0.1))
    state, update = tx.init(jnp.array(0.0)), jax.jit(tx.update)
    for g in [0.1] * 40 + [float(np.nextafter(np.float32(0.1), np.float32(1)))] * 10:
        _, state = update(jnp.float32(g), state)
    assert state.skipped == 0


def test_a_loss_whose_square_overflows_is_left_out() -> None:
    _, state = train(
        guard(gradtx.sgd(0.1), watch_loss=True), clean_gradients(), [1.0, 1e30, *[1.0] * (STEPS - 2)]
    )
    assert state.skipped == 1
    assert np.isfinite(state.loss.variance)


@pytest.mark.exhaustive
def test_guarding_and_clipping_can_be_differentiated() -> None:
    tx = guard(gradtx.sgd(0.1), on_spike="clip")

    def after_three(x: Any) -> Any:
        state = tx.init(x)
        for _ in range(3):
            update, state = tx.update(x, state)
            x = x + update
        return x

    np.testing.assert_allclose(jax.grad(after_three)(jnp.float32(1.0)), 0.9**3, rtol=1e-5)


@pytest.mark.parametrize("with_params", [True, False])
def test_the_leaf_is_named_where_gradients_are_missing(with_params: bool) -> None:
    """A `None` stands for one leaf or, beside parameters, for a whole subtree of them."""
    params = {
        "frozen": {"in": jnp.ones(1), "out": jnp.ones(1)},
        "gain": None,
        "steps": jnp.arange(2),
        **PARAMS,
    }
    tx = guard(gradtx.sgd(0.1))
    for absent in ({"frozen": None}, {"frozen": {"in": None, "out": jnp.ones(1)}}):
        g = {**params, **absent, "layer": {"kernel": None, "bias": jnp.full(2, jnp.inf)}}
        g["steps"] = np.zeros(2, jax.dtypes.float0)
        _, state = tx.update(g, tx.init(params), params if with_params else None)
        assert tx.report(state, params if with_params else g).endswith("finite: ['layer']['bias'].")


def test_the_leaf_is_named_inside_a_mask() -> None:
    g = spoiled(clean_gradients()[0], jnp.nan)
    mask = {"layer": {"kernel": True, "bias": False}, "gain": False}
    tx = gradtx.masked(guard(gradtx.sgd(0.1)), mask)
    _, state = tx.update(g, tx.init(PARAMS), PARAMS)
    assert tx.inner.report(state.inner_state, PARAMS).endswith("finite: ['layer']['kernel'].")


def test_the_loss_is_one_number() -> None:
    tx = guard(gradtx.sgd(0.1), watch_loss=True)
    with pytest.raises(ValueError, match=r"guard: value= must be one number, .* of shape \(3,\)"):
        tx.update(PARAMS, tx.init(PARAMS), value=jnp.ones(3))


@pytest.mark.exhaustive
def test_a_report_is_one_of_one_optimizer() -> None:
    tx = guard(gradtx.sgd(0.1))
    g = {"kernel": jnp.ones((2, 3)).at[1, 0].set(jnp.nan)}
    _, states = jax.vmap(tx.update)(g, jax.vmap(tx.init)(g))
    with pytest.raises(ValueError, match=r"states? of several optimizers, of shape \(2,\)"):
        tx.report(states, g)
    assert tx.report(jax.tree.map(lambda leaf: leaf[1], states), g).endswith("finite: ['kernel'].")

"""Rules at the edge of their range: decays of 0, no epsilon, schedules of decays, the last count."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import infinity_moment, nadam, scale_by_radam
from gradtx.tree import get


def run(tx: Any, gradients: list[float]) -> list[float]:
    """The updates of one element."""
    state, updates = tx.init(jnp.zeros(())), []
    for g in gradients:
        u, state = tx.update(jnp.float32(g), state)
        updates.append(float(u))
    return updates


@pytest.mark.parametrize(
    ("tx", "gradients", "expected"),
    [
        (gradtx.first_moment(0.0), [1e8, 1.0], [1e8, 1.0]),
        (gradtx.ema(0.0), [1e8, 1.0], [1e8, 1.0]),
        (gradtx.second_moment(0.0), [1e4, 1e-2], [1e8, 1e-4]),
        (gradtx.scale_by_adam(0.0, 0.0), [1.0, 1e-4], [1.0, 0.9999]),
        (gradtx.scale_by_rms(0.0, eps=0.0), [1.0, 1e-4], [1.0, 1.0]),
        (gradtx.scale_by_adam(lambda count: 0.0 * count.astype(float), 0.5, eps=0.0), [2.0], [1.0]),
    ],
)
def test_a_decay_of_zero_keeps_the_last_value_alone(tx: Any, gradients: Any, expected: Any) -> None:
    np.testing.assert_allclose(run(tx, gradients), expected, rtol=1e-6)


def test_a_step_of_one_is_the_new_value_exactly() -> None:
    new, old = jnp.array([0.1, 1e-8, 1.0]), jnp.array([3.0, 1.0, 1e30])
    np.testing.assert_array_equal(gradtx.incremental_update(new, old, 1.0), new)
    np.testing.assert_array_equal(gradtx.incremental_update(new, old, 0.0), old)


@pytest.mark.parametrize("debias", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_without_epsilon_nothing_over_nothing_is_no_step(debias: bool, inside: bool) -> None:
    scalings = [
        scaling(0.9, 0.0, eps_in_sqrt=inside, bias_correction=debias)
        for scaling in (gradtx.scale_by_rms, gradtx.scale_by_stddev)
    ]
    for tx in (gradtx.scale_by_adam(eps=0.0), gradtx.scale_by_amsgrad(eps=0.0), *scalings):
        assert run(tx, [0.0, 1e-30, 0.0]) == [0.0, 0.0, 0.0]


def test_a_scheduled_decay_is_corrected_as_if_it_had_held_from_the_start() -> None:
    def falling(t: Any) -> Any:
        return 0.9 - 0.1 * t

    def rising(t: Any) -> Any:
        return 0.5 + 0.05 * t

    gradients = [0.5, -1.0, 2.0, 0.1]
    mu = nu = 0.0
    expected = []
    for t, g in enumerate(gradients):
        b1, b2 = falling(t), rising(t)
        mu, nu = b1 * mu + (1 - b1) * g, b2 * nu + (1 - b2) * g**2
        expected.append((mu / (1 - b1 ** (t + 1))) / (np.sqrt(nu / (1 - b2 ** (t + 1))) + 0.01))
    schedules = [lambda count, of=of: of(count.astype(float)) for of in (falling, rising)]
    np.testing.assert_allclose(
        run(gradtx.scale_by_adam(*schedules, eps=0.01), gradients), expected, rtol=1e-5
    )


def test_the_last_count_looks_ahead_too() -> None:
    last = jnp.int32(2**31 - 1)
    update, state = gradtx.correct_bias(0.9, lookahead=1).update(
        jnp.ones(()), gradtx.rules.BiasCorrectionState(last)
    )
    assert (float(update), state.count) == (1.0, last)
    one = jnp.ones(())
    nadam = gradtx.scale_by_adam(nesterov=True, eps=0.0)
    update, _ = nadam.update(one, gradtx.ScaleByAdamState(last, one, one))
    np.testing.assert_allclose(update, 1.0, rtol=1e-6)


def test_a_small_decay_survives_gradients_in_bfloat16() -> None:
    tx = gradtx.l2_regularization(1e-3)
    update, _ = tx.update(jnp.bfloat16(0.5), tx.init(0.0), jnp.float32(1.0))
    np.testing.assert_allclose(update, 0.501, rtol=1e-6)


@pytest.mark.parametrize(
    ("tx", "name"),
    [
        (gradtx.adam(0.1, mu_dtype="bfloat16"), "mu"),
        (gradtx.adamw(0.1, mu_dtype="bfloat16"), "mu"),
        (gradtx.adam_l2(0.1, mu_dtype="bfloat16"), "mu"),
        (gradtx.amsgrad(0.1, mu_dtype="bfloat16"), "mu"),
        (gradtx.sgd(0.1, 0.9, accumulator_dtype="bfloat16"), "trace"),
        (gradtx.momentum(0.1, accumulator_dtype="bfloat16"), "trace"),
        (gradtx.nesterov(0.1, accumulator_dtype="bfloat16"), "trace"),
        (gradtx.ema(0.9, accumulator_dtype="bfloat16"), "ema"),
        (gradtx.first_moment(mu_dtype="bfloat16"), "mu"),
    ],
)
def test_the_storage_dtype_reaches_the_state(tx: Any, name: str) -> None:
    assert get(tx.init(jnp.ones(2)), name).dtype == jnp.bfloat16


@pytest.mark.parametrize("optimizer", [gradtx.adam, gradtx.adamw, gradtx.adam_l2])
def test_nesterov_reaches_the_direction(optimizer: Any) -> None:
    looking, plain = (optimizer(0.1, nesterov=nesterov) for nesterov in (True, False))
    params = jnp.ones(())
    for tx in (looking, plain):
        assert gradtx.replace(tx, nesterov=True) == looking
    updates = [tx.update(params, tx.init(params), params)[0] for tx in (looking, plain)]
    assert updates[0] < updates[1]


def test_refusals():
    with pytest.raises(ValueError, match="threshold"):
        scale_by_radam(threshold=3.9)
    with pytest.raises(ValueError, match="b2"):
        infinity_moment(1.1)
    with pytest.raises(ValueError, match="momentum_decay"):
        nadam(0.1, momentum_decay=-1.0)

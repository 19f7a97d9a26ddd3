"""The reduction on a plateau, value by value, in double precision."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import reduce_on_plateau


def scales(values: Any, **options: Any) -> np.ndarray:
    """The scale after each value, in double precision."""
    with jax.enable_x64(True):
        tx = reduce_on_plateau(**options)

        def step(state: Any, value: Any) -> Any:
            update, state = tx.update(jnp.ones(()), state, value=value)
            return state, update

        return np.asarray(jax.lax.scan(step, tx.init(jnp.ones(())), jnp.asarray(values, float))[1])


def reference(
    values: Any,
    factor: float,
    patience: int,
    rtol: float,
    atol: float,
    cooldown: int,
    accumulation_size: int,
    min_scale: float,
) -> list[float]:
    """The scale after each value, with the mean of the last values as one."""
    scale, best, in_a_row, rest, seen, found = 1.0, np.inf, 0, 0, [], []
    for value in values:
        seen.append(value)
        if len(seen) == accumulation_size:
            mean, seen = np.mean(seen), []
            if best == np.inf or mean < best - rtol * abs(best) - atol:
                best, in_a_row = mean, 0
            elif rest == 0:
                in_a_row += 1
            if rest > 0:
                rest, in_a_row = rest - 1, 0
            if in_a_row == patience:
                scale, in_a_row, rest = max(scale * factor, min_scale), 0, cooldown
        found.append(scale)
    return found


OPTIONS = {
    "factor": 0.7,
    "patience": 2,
    "rtol": 0.05,
    "atol": 0.1,
    "cooldown": 3,
    "accumulation_size": 1,
    "min_scale": 0.2,
}


@pytest.mark.parametrize("shift", [0.0, -5.0], ids=["positive", "negative"])
@pytest.mark.parametrize(("accumulation_size", "cooldown"), [(1, 3), (3, 0)])
def test_the_scale_follows_the_values(accumulation_size, cooldown, shift):
    random = np.random.default_rng(3)
    values = 2.0 * np.exp(-np.arange(120) / 40.0) + 0.3 * random.random(120) + shift
    options = OPTIONS | {"accumulation_size": accumulation_size, "cooldown": cooldown}
    expected = reference(values, **options)
    np.testing.assert_allclose(scales(values, **options), expected, rtol=1e-12)
    assert len({*expected}) > 2  # several reductions, the last of which may meet the least scale


def test_a_negative_value_that_rises_is_no_improvement():
    np.testing.assert_allclose(scales([-10.0, -9.9, -9.8], patience=2, rtol=0.1), [1.0, 1.0, 0.1])


def test_an_improvement_of_the_whole_value_may_be_asked_for():
    """The first value is better than none; of the others only a negative one is better by so much."""
    np.testing.assert_allclose(scales([3.0, 2.0, -1.0, -1.5], patience=1, rtol=1.0), [1.0, 0.1, 0.1, 0.01])


def test_nan_is_no_improvement_and_ends_with_its_mean():
    values = [2.0, 2.0, np.nan, 1.0, 1.5, 1.5]
    np.testing.assert_allclose(
        scales(values, patience=1, accumulation_size=2), [1.0, 1.0, 1.0, 0.1, 0.1, 0.1]
    )


def test_every_leaf_has_the_same_scale_and_the_gradient_its_sign():
    tx = reduce_on_plateau(0.25, patience=1)
    gradients = {"a": jnp.array([1.0, -2.0]), "b": jnp.array(3.0, jnp.bfloat16)}
    state = tx.init(gradients)
    for _ in range(2):
        updates, state = tx.update(gradients, state, value=1.0)
    np.testing.assert_array_equal(updates["a"], np.array([0.25, -0.5], np.float32))
    assert updates["b"] == jnp.array(0.75, jnp.bfloat16)
    assert state.scale.dtype == state.best_value.dtype == np.dtype(np.float32)


def test_a_value_must_be_a_number_and_must_be_there():
    tx = gradtx.chain(gradtx.sgd(0.1), reduce_on_plateau())
    params = jnp.ones(2)
    with pytest.raises(ValueError, match=r"reduce_on_plateau: value= must be one number.*\(2,\)"):
        tx.update(params, tx.init(params), params, value=params)
    with pytest.raises(ValueError, match=r"reduce_on_plateau in chain needs 'value'"):
        tx.update(params, tx.init(params), params)

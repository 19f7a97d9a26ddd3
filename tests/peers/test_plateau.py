"""`reduce_on_plateau` beside Optax's transformation."""

import inspect
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax.contrib
import pytest

import gradtx
from tests.peers.comparison import optax_trajectory, permissive
from tests.rules.test_reduce_on_plateau import scales
from tests.trajectories import gradients, parameters, relative_error, trajectory

VALUES = 2.0 * np.exp(-np.arange(100) / 30.0) + 0.3 * np.random.default_rng(5).random(100)


@pytest.mark.parametrize("size", [1, 3])
def test_optax(size):
    options = {"factor": 0.7, "patience": 2, "rtol": 0.05, "atol": 0.1, "cooldown": 1, "min_scale": 0.2}
    options["accumulation_size"] = size
    start, steps, value = parameters(), gradients(steps=40), jnp.asarray(VALUES[:40], jnp.float32)
    ours, _, state = trajectory(gradtx.reduce_on_plateau(**options), start, steps, value=value)
    theirs, _, their_state = optax_trajectory(
        optax.contrib.reduce_on_plateau(**options), start, steps, value=value
    )
    assert relative_error(ours, theirs) < 1e-6
    assert state._fields == their_state._fields
    assert float(state.scale) < 0.5
    for name in state._fields:
        np.testing.assert_allclose(getattr(state, name), getattr(their_state, name), rtol=1e-6)


def test_signature():
    """Optax's parameters in its order and with its defaults."""
    ours, theirs = (
        inspect.signature(library.reduce_on_plateau).parameters for library in (gradtx, optax.contrib)
    )
    assert [(name, one.default) for name, one in ours.items()] == [
        (name, one.default) for name, one in theirs.items()
    ]


def optax_scales(values: list[float], **options: Any) -> list[float]:
    tx = optax.contrib.reduce_on_plateau(**options)
    state, found = tx.init(jnp.ones(())), []
    for value in values:
        with permissive():
            update, state = tx.update(jnp.ones(()), state, value=value)
        found.append(float(update))
    return found


def test_in_optax_a_rising_negative_value_is_an_improvement():
    values, options = [-10.0, -9.9, -9.8], {"patience": 2, "rtol": 0.1}
    np.testing.assert_allclose(scales(values, **options), [1.0, 1.0, 0.1])
    np.testing.assert_allclose(optax_scales(values, **options), [1.0, 1.0, 1.0])


def test_a_patience_of_0_reduces_in_optax_where_the_value_improves():
    np.testing.assert_allclose(optax_scales([3.0, 2.0, 2.0], patience=0), [0.1, 0.01, 0.01], rtol=1e-6)
    with pytest.raises(ValueError, match="patience must be a whole number of at least 1, got 0"):
        gradtx.reduce_on_plateau(patience=0)

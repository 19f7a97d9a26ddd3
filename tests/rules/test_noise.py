"""Gradient noise against Neelakantan et al. (2015): its distribution, its decay and its keys."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import add_noise, noisy_sgd


@pytest.mark.exhaustive
def test_the_noise_is_normal_and_fades():
    """Neelakantan et al. (2015), section 2. A deviation of 5 standard errors would be one in a million."""
    tx, n = add_noise(eta=0.3, gamma=0.9, key=5), 40_000
    g = {"real": jnp.full(n, 2.0), "complex": jnp.full(n, 1j, jnp.complex64)}
    state, drawn = tx.init(g), []
    for t in range(3):
        updates, state = tx.update(g, state)
        for name, mean in g.items():
            noise = np.asarray(updates[name] - mean) * np.sqrt((1 + t) ** 0.9 / 0.3)
            assert abs(noise.mean()) < 5 / np.sqrt(n)
            assert abs(np.mean(np.abs(noise) ** 2) - 1) < 5 * np.sqrt(2 / n)
            drawn.append(noise)
    assert abs(np.mean(drawn[0] ** 4) - 3) < 5 * np.sqrt(96 / n)
    gram = np.abs(np.corrcoef(drawn)) - np.eye(6)
    assert np.max(gram) < 5 / np.sqrt(n)


@pytest.mark.exhaustive
def test_the_noise_of_a_key():
    """It is the same again, and that of each seed is another; a key may come in any form that JAX has."""
    g = {"a": jnp.zeros(4), "b": jnp.zeros(4), "none": None, "steps": 3}

    def drawn(**key: Any) -> Any:
        tx = noisy_sgd(1.0, 1.0, 0.0, **key)
        return tx.update(g, tx.init(g))[0]

    assert np.max(np.abs(drawn()["a"] - drawn()["b"])) > 0.1
    forms = [3, jax.random.key(3), jax.random.PRNGKey(3), np.int64(3)]
    for key in forms:
        np.testing.assert_array_equal(drawn(key=key)["b"], drawn(key=3)["b"])
    assert np.max(np.abs(drawn(key=4)["a"] - drawn(key=3)["a"])) > 0.1
    other = jax.random.key(3, impl="rbg")
    assert np.max(np.abs(drawn(key=other)["a"] - drawn(key=3)["a"])) > 0.1
    for wrong in (None, 1.5, jax.random.split(jax.random.key(0), 2)):
        with pytest.raises(TypeError, match="one random key"):
            noisy_sgd(1.0, key=wrong)


@pytest.mark.exhaustive
def test_noise_of_half_precision_gradients_is_not_rounded_away():
    g = jnp.full(1000, 1.0, jnp.bfloat16)
    update, _ = add_noise(1e-8, 0.0).wide_update(g, add_noise(1e-8, 0.0).init(g))
    assert update.dtype == jnp.float32
    assert len(np.unique(update)) > 500

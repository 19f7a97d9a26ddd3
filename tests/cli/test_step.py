"""What a training step of the command line hands to the optimizer."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx.cli.language_model import Architecture, init_params
from gradtx.cli.step import PROVIDED, next_update


@pytest.mark.exhaustive
def test_every_optimizer_is_given_what_training_promises():
    """And all functions are of this batch: the logits have the loss that `value` is."""
    architecture = Architecture(context=4, width=8, depth=0)
    params = init_params(np.random.default_rng(0), architecture, vocabulary_size=5)
    batch = jnp.array([[0, 1, 2, 3, 4], [4, 3, 2, 1, 1]])
    given: dict[str, Any] = {}

    def update(updates: Any, state: Any, params: Any, **extra: Any) -> Any:
        given.update(extra, params=params)
        return updates, state

    _, _, value, _ = next_update(
        architecture, gradtx.GradientTransformation(lambda params: (), update), params, (), batch
    )
    assert set(given) == PROVIDED
    for of_params in (given["value_fn"], given["obj_fn"]):
        np.testing.assert_allclose(of_params(params), value, rtol=1e-6)
    logits = given["logits_fn"](params)
    assert logits.shape == (2, 4, 5)
    log_probability = jnp.take_along_axis(jax.nn.log_softmax(logits), batch[:, 1:, None], axis=-1)
    np.testing.assert_allclose(-jnp.mean(log_probability), value, rtol=1e-6)

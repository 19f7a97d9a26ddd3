"""The weight decay of AdamC: it follows the learning rate, relative to the largest."""

import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import corrected_weight_decay


@pytest.mark.exhaustive
def test_the_peak_of_the_learning_rate():
    schedule = gradtx.warmup_cosine_decay_schedule(0.0, 0.5, 1000, 5000)
    decay = corrected_weight_decay(0.2, schedule)
    np.testing.assert_allclose(decay(jnp.array([0, 500, 1000, 5000])), [0.0, 0.1, 0.2, 0.0], rtol=1e-6)
    assert corrected_weight_decay(0.2, 0.5) == 0.2
    assert corrected_weight_decay(0.2, 0.25, max_learning_rate=0.5) == 0.1
    np.testing.assert_allclose(corrected_weight_decay(schedule, 0.25, 0.5)(jnp.array(1000)), 0.25)
    for wrong in ({"learning_rate": 0.0}, {"learning_rate": 0.1, "max_learning_rate": -1.0}):
        with pytest.raises(ValueError, match="max_learning_rate must be above 0"):
            corrected_weight_decay(0.2, **wrong)

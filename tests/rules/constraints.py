"""A random step, and the parameters after it, for the tests of constraints."""

from typing import Any

import jax.numpy as jnp
import numpy as np

import gradtx

PARAMS, STEP = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(np.float32)
MOVED = PARAMS.astype(float) + STEP.astype(float)


def landed(tx: Any, params: Any = PARAMS, step: Any = STEP) -> np.ndarray:
    """The parameters after the step."""
    updates, _ = tx.update(step, tx.init(params), params)
    return np.asarray(gradtx.apply_updates(jnp.asarray(params), updates))

"""Applying updates, and averaging towards new values."""

import jax
import jax.numpy as jnp
import numpy as np

from gradtx import apply_updates, incremental_update, periodic_update
from tests.trajectories import DTYPES, TOLERANCE, gradients, in_precision_of, parameters, relative_error

STEP = 0.15


def doubled(tree):
    """The tree in double precision."""
    return {
        name: leaf.astype(np.complex128 if np.iscomplexobj(leaf) else float) for name, leaf in tree.items()
    }


@DTYPES
def test_updates_add_up(dtype):
    params, steps = parameters(dtype), gradients(dtype)
    expected = {name: theta + sum(doubled(g)[name] for g in steps) for name, theta in doubled(params).items()}
    with in_precision_of(dtype):
        for step in steps:
            params = jax.jit(apply_updates)(params, step)
    assert relative_error(jax.tree.map(np.asarray, params), expected) < TOLERANCE[dtype]


@DTYPES
def test_incremental_update_is_polyak_averaging(dtype):
    """Ten steps of it are the sum STEP (1 - STEP)^k over the latest values, and the rest of the first."""
    average, steps = parameters(dtype), gradients(dtype)
    weights = STEP * (1 - STEP) ** np.arange(len(steps) - 1, -1, -1)
    expected = {
        name: (1 - STEP) ** len(steps) * first
        + sum(weight * doubled(g)[name] for weight, g in zip(weights, steps, strict=True))
        for name, first in doubled(average).items()
    }
    with in_precision_of(dtype):
        for step in steps:
            average = jax.jit(incremental_update)(step, average, STEP)
    assert relative_error(jax.tree.map(np.asarray, average), expected) < TOLERANCE[dtype]


def test_periodic_update_takes_the_new_values_at_multiples_of_the_period():
    online, target = gradients(), parameters()
    expected = target
    for count, new in enumerate(online):
        expected = new if count % 4 == 0 else expected
        target = jax.jit(periodic_update, static_argnums=3)(new, target, count, 4)
        for name, leaf in target.items():
            np.testing.assert_array_equal(leaf, expected[name])


def test_a_bfloat16_parameter_is_rounded_once():
    """The step above 1 is 2^-7. Just over half of it rounds up; rounded to half first, it rounds down."""
    params = jnp.array(1.0, jnp.bfloat16)
    update = jnp.array(2.0**-8 + 2.0**-17, jnp.float32)
    assert update.astype(jnp.bfloat16) == 2.0**-8
    assert params + update.astype(jnp.bfloat16) == 1.0
    assert apply_updates(params, update) == 1.0 + 2.0**-7


def test_incremental_update_keeps_the_old_dtype():
    """A float32 average of bfloat16 values moves by steps that bfloat16 could not hold."""
    average = jnp.array(1.0, jnp.float32)
    for _ in range(10):
        average = incremental_update(jnp.array(2.0, jnp.bfloat16), average, 1e-3)
    assert average.dtype == jnp.float32
    np.testing.assert_allclose(average, 2.0 - (1 - 1e-3) ** 10, rtol=1e-6)

"""L-BFGS beside Optax's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx
from tests.peers.comparison import permissive
from tests.trajectories import relative_error

CURVATURES = np.geomspace(0.1, 1.0, 12).astype("float32")


def direction(library: Any, slope: Any, **arguments: Any) -> Any:
    """The directions of 15 steps, with one pair for each step."""
    tx = library.scale_by_lbfgs(**arguments)

    def step(carry: Any, _: Any) -> Any:
        params, state = carry
        updates, state = tx.update(slope(params), state, params)
        return (params - 0.5 * updates, state), updates

    params = jnp.linspace(-1.0, 1.0, 12)
    with permissive():
        return jax.jit(lambda: jax.lax.scan(step, (params, tx.init(params)), length=15))()


@pytest.mark.parametrize("scaled", [True, False])
def test_directions_on_a_convex_function(scaled: bool) -> None:
    """Nearly one: where two pairs are nearly the same, a rounding of 1e-7 becomes 1e-4 of the direction."""
    (_, ours), updates = direction(
        gradtx, lambda x: CURVATURES * x + 0.1 * x**3, scale_init_precond=scaled, memory_size=4
    )
    (_, theirs), expected = direction(
        optax, lambda x: CURVATURES * x + 0.1 * x**3, scale_init_precond=scaled, memory_size=4
    )
    assert relative_error(updates, expected) < 1e-3
    assert ours._fields == theirs._fields
    assert jax.tree.map(jnp.shape, tuple(ours)) == jax.tree.map(jnp.shape, tuple(theirs))


def test_optax_keeps_pairs_of_negative_curvature() -> None:
    """Its direction then points uphill on the concave side of a function, and ours does not."""

    def slope(x: Any) -> Any:
        return jnp.sin(3.0 * x)

    def uphill(library: Any) -> bool:
        tx, x = library.scale_by_lbfgs(), jnp.array([0.8])
        _, state = tx.update(slope(x), tx.init(x), x)
        x = jnp.array([0.5])  # the slope is larger there
        return float(tx.update(slope(x), state, x)[0][0]) < 0

    assert not uphill(gradtx)
    with permissive():
        assert uphill(optax)

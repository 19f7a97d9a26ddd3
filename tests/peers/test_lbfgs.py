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


def rosenbrock(x: Any) -> Any:
    return 100.0 * jnp.sum((x[1:] - x[:-1] ** 2) ** 2) + jnp.sum((1.0 - x[:-1]) ** 2)


def steps(library: Any, tx: Any, count: int) -> tuple[Any, Any]:
    """The values of the steps of an optimizer on Rosenbrock's function, and its last state."""
    value_and_grad = library.value_and_grad_from_state(rosenbrock)

    def step(carry: Any, _: Any) -> Any:
        params, state = carry
        value, grad = value_and_grad(params, state=state)
        updates, state = tx.update(grad, state, params, value=value, grad=grad, value_fn=rosenbrock)
        return (library.apply_updates(params, updates), state), value

    x = jnp.array([-1.2, 1.0, -1.2, 1.0])
    with permissive():
        (_, state), values = jax.jit(lambda: jax.lax.scan(step, (x, tx.init(x)), length=count))()
    return np.asarray(values), state


@pytest.mark.parametrize("search", ["zoom", "backtracking"])
def test_the_same_call_takes_both_down_the_same_valley(search: str) -> None:
    """The steps differ, and both come to the minimum; the states have the same fields and shapes."""
    found = []
    for library in (gradtx, optax):
        if search == "zoom":
            tx = library.lbfgs()
        else:
            tx = library.lbfgs(linesearch=library.scale_by_backtracking_linesearch(30, store_grad=True))
        found.append(steps(library, tx, 60))
    (ours, state), (theirs, other) = found
    assert np.all(np.diff(ours) <= 1e-6)
    assert ours[-1] < 1e-8
    assert theirs[-1] < 1e-6
    assert state[2]._fields == other[2]._fields
    assert state[2].info._fields == other[2].info._fields
    assert jax.tree.map(jnp.shape, jax.tree.leaves(state)) == jax.tree.map(jnp.shape, jax.tree.leaves(other))

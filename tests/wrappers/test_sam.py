"""Sharpness-aware minimization against Foret et al. (2021) and Kwon et al. (2021), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import momentum, sam, sgd
from tests.trajectories import TOLERANCE, gradients, parameters, rate, relative_error, stacked
from tests.wrappers.points import doubled, points


def curved(params: Any, tree: Any) -> Any:
    """Gradients that depend on the parameters, and differ at every step."""
    return {name: params[name] + 0.3 * params[name] ** 3 + 0.2 * tree[name] for name in params}


def foret(theta: Any, given: list[Any], adaptive: bool, eta: float) -> Iterator[Any]:
    """Foret et al. (2021), algorithm 1, and Kwon et al. (2021), algorithm 1, around momentum."""
    m = dict.fromkeys(theta, 0.0)
    for t, tree in enumerate(given):
        g = curved(theta, tree)
        size = {name: np.abs(theta[name]) + eta if adaptive else 1.0 for name in g}
        length = np.sqrt(sum(np.sum((size[name] * g[name]) ** 2) for name in g))
        near = {name: theta[name] + rate(t) * size[name] ** 2 * g[name] / length for name in g}
        m = {name: 0.9 * m[name] + slope for name, slope in curved(near, tree).items()}
        theta = {name: theta[name] - 0.05 * m[name] for name in m}
        yield theta


@pytest.mark.parametrize(("adaptive", "dtype"), [(False, "float32"), (True, "float64")])
def test_sam(adaptive: bool, dtype: str) -> None:
    tx = sam(momentum(0.05), rate, adaptive, eta=0.3)
    params, evaluated = points(tx, dtype, grad_fn=curved)
    start = doubled(parameters(dtype))
    expected = stacked([start, *foret(start, doubled(gradients(dtype)), adaptive, 0.3)])
    assert relative_error(params, expected) < TOLERANCE[dtype]
    jax.tree.map(np.testing.assert_array_equal, evaluated, params)


def test_at_a_flat_point_sam_stays_and_what_is_not_finite_is_seen() -> None:
    tx, params = sam(sgd(1.0), 0.5), {"a": jnp.ones(2), "b": jnp.ones(())}
    state = tx.init(params)
    same = {"grad_fn": lambda params: params}
    updates, _ = tx.update(jax.tree.map(jnp.zeros_like, params), state, params, **same)
    np.testing.assert_array_equal(updates["a"], -1.0)
    updates, _ = tx.update({"a": jnp.array([1.0, jnp.inf]), "b": jnp.ones(())}, state, params, **same)
    assert all(np.isnan(leaf).all() for leaf in updates.values())

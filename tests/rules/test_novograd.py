"""NovoGrad against Ginsburg et al. (2019), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import novograd, scale_by_novograd
from tests.moments import B1, B2, DECAY, EPS, EPS_ROOT, MOMENTS
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise, rate


@leafwise
def ginsburg(theta: Any, gradients: list[Any], decay: float) -> Iterator[Any]:
    """Ginsburg et al. (2019), algorithm 1, with an epsilon inside the root from the second step on."""
    m, v = 0.0, np.sum(np.abs(gradients[0]) ** 2)
    for t, g in enumerate(gradients):
        v = B2 * v + (1 - B2) * np.sum(np.abs(g) ** 2) if t else v
        scale = np.sqrt(v + EPS_ROOT) + EPS if t else np.sqrt(v)
        m = B1 * m + g / scale + decay * theta
        theta = theta - rate(t) * m
        yield theta


@DTYPES
def test_novograd(dtype):
    assert distance(novograd(rate, **MOMENTS, weight_decay=DECAY), ginsburg(DECAY), dtype) < TOLERANCE[dtype]


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e25])
def test_the_first_update_has_the_norm_1(size):
    """Also where the square of the norm leaves the range of float32."""
    g = jnp.array([3.0, -4.0]) * size
    tx = scale_by_novograd(eps=0.5, eps_root=0.5)
    np.testing.assert_allclose(tx.update(g, tx.init(g), g)[0], [0.6, -0.8], rtol=1e-6)


def test_a_first_gradient_of_zeros_gives_no_update():
    g = jnp.zeros(2)
    tx = scale_by_novograd(eps=0.0)
    np.testing.assert_array_equal(tx.update(g, tx.init(g), g)[0], 0.0)


def test_novograd_keeps_one_number_a_leaf():
    state = scale_by_novograd().init({"w": jnp.ones((3, 4), "bfloat16"), "n": jnp.arange(3), "none": None})
    assert [(leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(state.nu)] == [((), "float32")]


@pytest.mark.exhaustive
def test_novograd_inside_shard_map_takes_the_norm_of_the_whole():
    """Without the name of the axis each shard divides by the norm of its own part."""
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.PartitionSpec("data")
    g = jnp.cos(jnp.arange(64.0)).reshape(16, 4)

    def direction(axis_name: Any) -> Any:
        tx = scale_by_novograd(axis_name=axis_name)
        return lambda g: tx.update(g, tx.init(g), g)[0]

    def on_mesh(axis_name: Any) -> Any:
        return jax.jit(jax.shard_map(direction(axis_name), mesh=mesh, in_specs=split, out_specs=split))(g)

    np.testing.assert_allclose(on_mesh("data"), direction(None)(g), rtol=1e-5)

"""Distance over gradients against Ivgi, Hinder and Carmon (2023), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import chain, scale_by_distance_over_gradients, scale_by_learning_rate
from tests.trajectories import DTYPES, TOLERANCE, distance, leafwise

RHO, EPS, SCALE = 0.3, 0.2, 0.7


def length(x: Any) -> Any:
    return np.sqrt(np.sum(np.abs(x) ** 2))


@leafwise
def ivgi(theta: Any, gradients: list[Any]) -> Iterator[Any]:
    """Ivgi, Hinder and Carmon (2023), L-DoG, with the epsilon of the authors' code and a factor."""
    start, travelled, squares = theta, RHO * (1 + length(theta)), 0.0
    for g in gradients:
        travelled = max(travelled, length(theta - start))
        squares = squares + length(g) ** 2
        theta = theta - SCALE * travelled / np.sqrt(squares + EPS) * g
        yield theta


@DTYPES
def test_distance_over_gradients(dtype: str) -> None:
    tx = chain(scale_by_distance_over_gradients(RHO, EPS, None, SCALE), scale_by_learning_rate(1.0))
    assert distance(tx, ivgi(), dtype) < TOLERANCE[dtype]


def test_the_distance_grows_beyond_the_first_and_never_falls() -> None:
    tx, params = scale_by_distance_over_gradients(0.5), jnp.zeros(2)
    state = tx.init(params)
    seen = []
    for point in ([3.0, 4.0], [0.3, 0.4], [6.0, 8.0]):
        _, state = tx.update(jnp.ones(2), state, jnp.array(point))
        seen.append(float(state.max_dist))
    np.testing.assert_allclose(seen, [5.0, 5.0, 10.0])


@pytest.mark.parametrize(("param_dtype", "stored"), [("float32", "float32"), (None, "bfloat16")])
def test_the_start_is_kept_in_its_dtype(param_dtype: Any, stored: str) -> None:
    params = {"w": jnp.ones(2, jnp.bfloat16), "steps": jnp.arange(2), "none": None}
    state = scale_by_distance_over_gradients(param_dtype=param_dtype).init(params)
    assert state.init_params["w"].dtype == stored
    assert state.max_dist["w"].dtype == "float32"
    assert not hasattr(state.max_dist["steps"], "shape")


def test_a_gradient_whose_square_overflows_keeps_the_sum_finite() -> None:
    tx, params = scale_by_distance_over_gradients(0.5, eps=0.0), jnp.zeros(2)
    update, state = params, tx.init(params)
    for step in range(5):
        update, state = tx.update(jnp.array([3e25, 4e25]), state, params)
        if step == 2:
            np.testing.assert_allclose(update, 0.5 / 3**0.5 * jnp.array([0.6, 0.8]), rtol=1e-6)
    assert jnp.isfinite(state.grad_sum_of_squares)
    assert jnp.all(update > 0)


@pytest.mark.exhaustive
def test_inside_shard_map_the_named_axis_makes_the_distance_that_of_the_whole() -> None:
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.PartitionSpec("data")
    theta = jnp.cos(jnp.arange(16.0))

    def moved(tx: Any) -> Any:
        return lambda theta: tx.update(theta, tx.init(theta), theta + 3.0)[0]

    on_mesh = jax.shard_map(
        moved(scale_by_distance_over_gradients(axis_name="data")), mesh=mesh, in_specs=split, out_specs=split
    )
    whole = moved(scale_by_distance_over_gradients())(theta)
    np.testing.assert_allclose(jax.jit(on_mesh)(theta), whole, rtol=1e-5)

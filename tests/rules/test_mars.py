"""MARS against Yuan et al. (2024), in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import chain, mars, scale_by_mars
from tests.moments import B1, B2, DECAY, EPS, EPS_ROOT, ROOT
from tests.trajectories import (
    DTYPES,
    SHAPES,
    TOLERANCE,
    distance,
    gradients,
    leafwise,
    parameters,
    rate,
    relative_error,
    rising,
    trajectory,
)


@leafwise
def yuan(
    theta: Any, gradients: list[Any], gamma: Any = lambda t: 0.3, max_norm: float = 2.0
) -> Iterator[Any]:
    """Yuan et al. (2024), algorithm 2, with the gradient of the step before; x_1 = x_0."""
    m = v = 0.0
    before = gradients[0]
    for t, g in enumerate(gradients, start=1):
        c = g + gamma(t - 1) * B1 / (1 - B1) * (g - before)
        length = np.sqrt(np.sum(np.abs(c) ** 2))
        c = c * max_norm / length if length > max_norm else c
        m = B1 * m + (1 - B1) * c
        v = B2 * v + (1 - B2) * np.abs(c) ** 2
        direction = m / (1 - B1**t) / (np.sqrt(v / (1 - B2**t) + EPS_ROOT) + EPS)
        theta = theta - rate(t - 1) * (direction + DECAY * theta)
        before = g
        yield theta


@DTYPES
def test_mars(dtype):
    """A bound that the matrix meets at every step, and the scalar at some."""
    tx = mars(rate, B1, B2, 0.3, **ROOT, max_norm=2.0, weight_decay=DECAY, param_labels="mars")
    assert distance(tx, yuan(), dtype) < TOLERANCE[dtype]


def test_mars_with_a_scheduled_correction_and_no_clipping():
    tx = mars(
        rate,
        B1,
        B2,
        rising,
        **ROOT,
        max_norm=np.inf,
        weight_decay=DECAY,
        param_labels=dict.fromkeys(SHAPES, "mars"),
    )
    assert distance(tx, yuan(rising, np.inf), "float64") < TOLERANCE["float64"]


@pytest.mark.exhaustive
def test_mars_leaves_what_has_one_axis_to_adamw():
    shapes = {"matrix": (3, 4), "vector": (5,), "kernel": (2, 2, 3), "scalar": ()}
    tx = mars(
        rate,
        B1,
        B2,
        0.3,
        max_norm=0.5,
        weight_decay=DECAY,
        mask={name: name == "kernel" for name in shapes},
        rest=gradtx.adamw(lambda count: 2 * rate(count), 0.8, 0.9, **ROOT, weight_decay=0.3),
        **ROOT,
    )
    params, steps = parameters(shapes=shapes), gradients(shapes=shapes)
    updates, *_ = trajectory(tx, params, steps)
    alone = {
        "adam": gradtx.adamw(lambda count: 2 * rate(count), 0.8, 0.9, **ROOT, weight_decay=0.3),
        "matrix": _mars_of(0.0),
        "kernel": _mars_of(DECAY),
    }
    for name in shapes:
        expected, *_ = trajectory(alone.get(name, alone["adam"]), params, steps)
        np.testing.assert_array_equal(updates[name], expected[name])


def _mars_of(weight_decay: float) -> Any:
    return chain(
        scale_by_mars(B1, B2, 0.3, **ROOT, max_norm=0.5),
        gradtx.add_decayed_weights(weight_decay),
        gradtx.scale_by_learning_rate(rate),
    )


def test_without_correction_and_clipping_mars_is_adam():
    params, steps = parameters(), gradients()
    left, *_ = trajectory(scale_by_mars(B1, B2, 0.0, **ROOT, max_norm=np.inf), params, steps)
    right, *_ = trajectory(gradtx.scale_by_adam(B1, B2, **ROOT), params, steps)
    assert relative_error(left, right) < 1e-7  # a rounding: compilers need not fuse two programs alike


def test_inside_shard_map_the_named_axis_makes_the_norm_that_of_the_whole():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.PartitionSpec("data")
    g = jnp.cos(jnp.arange(16.0))

    def average(tx: Any) -> Any:
        return lambda g: tx.update(g, tx.init(g))[1].mu

    def on_mesh(tx: Any) -> Any:
        return jax.jit(jax.shard_map(average(tx), mesh=mesh, in_specs=split, out_specs=split))(g)

    whole = average(scale_by_mars())(g)
    np.testing.assert_allclose(on_mesh(scale_by_mars(axis_name="data")), whole, rtol=1e-5)

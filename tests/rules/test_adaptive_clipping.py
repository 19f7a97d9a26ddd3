"""Adaptive gradient clipping against its paper, for leaves of every rank."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import adaptive_grad_clip, chain, scale_by_learning_rate, unitwise_clip, unitwise_norm
from tests.trajectories import TOLERANCE, Rule, Tree, distance, gradients, leafwise, parameters, rate

# What feeds one output: everything but the last axis; of (inputs, heads, features) the inputs.
SHAPES = {"scalar": (), "vector": (5,), "matrix": (3, 4), "heads": (3, 2, 4), "kernel": (2, 2, 3, 4)}
AXES: Mapping[str, tuple[int, ...] | None] = {
    "scalar": None,
    "vector": None,
    "matrix": (0,),
    "heads": (0,),
    "kernel": (0, 1, 2),
}
CLIPPING, EPS = 0.8, 0.5


def norm(x: np.ndarray, axis: Any) -> np.ndarray:
    return np.sqrt(np.sum(np.abs(x) ** 2, axis=axis, keepdims=True))


def brock(theta: np.ndarray, g: np.ndarray, axis: Any, clipping: float) -> np.ndarray:
    """Brock et al. (2021), equation 3: units with ||G|| / ||W||* > lambda are shortened to that ratio."""
    g_norm, w_norm = norm(g, axis), np.maximum(norm(theta, axis), EPS)
    return np.where(g_norm / w_norm > clipping, clipping * w_norm / g_norm * g, g)


def descending(axes: Mapping[str, Any], clipping: Any = lambda t: CLIPPING) -> Rule:
    """Gradient descent on clipped gradients."""

    def rule(params: Tree, steps: list[Tree]) -> Iterator[Tree]:
        for t, gradient in enumerate(steps):
            params = {
                name: theta - rate(t) * brock(theta, gradient[name], axes[name], clipping(t))
                for name, theta in params.items()
            }
            yield params

    return rule


@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_units_of_every_rank(dtype):
    tx = chain(adaptive_grad_clip(CLIPPING, EPS), scale_by_learning_rate(rate))
    assert distance(tx, descending(AXES), dtype, shapes=SHAPES) < TOLERANCE[dtype]


def test_the_bound_and_epsilon_both_bite_and_both_do_not():
    """What the test above rests on: some units are clipped and some not, and epsilon counts for some."""
    params = parameters(shapes=SHAPES)
    for name, axis in AXES.items():
        if name == "scalar":
            continue
        clipped = [
            norm(g[name], axis) > CLIPPING * np.maximum(norm(params[name], axis), EPS)
            for g in gradients(shapes=SHAPES)
        ]
        assert 0 < np.mean(clipped) < 1
    assert np.abs(params["scalar"]) < EPS
    assert norm(params["vector"], None) > EPS


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2)])
def test_units_along_given_axes(axis):
    shapes = {"cube": (3, 2, 4)}
    tx = chain(adaptive_grad_clip(CLIPPING, EPS, axis), scale_by_learning_rate(rate))
    assert distance(tx, descending({"cube": axis}), "float64", shapes=shapes) < TOLERANCE["float64"]


def test_a_scheduled_bound():
    def falling(count: Any) -> Any:
        return 20.0 * rate(count)

    tx = chain(adaptive_grad_clip(falling, EPS), scale_by_learning_rate(rate))
    rule = descending(AXES, falling)
    assert distance(tx, rule, "float64", shapes=SHAPES) < TOLERANCE["float64"]


@leafwise
def unit_of_one(theta: Any, steps: list[Any]) -> Iterator[Any]:
    """A scalar is a unit by itself: min(|g|, lambda max(|theta|, eps)) with the sign of g."""
    for t, g in enumerate(steps):
        theta = theta - rate(t) * np.sign(g) * min(abs(g), CLIPPING * max(abs(theta), EPS))
        yield theta


def test_a_scalar():
    tx = chain(adaptive_grad_clip(CLIPPING, EPS), scale_by_learning_rate(rate))
    assert distance(tx, unit_of_one(), "float64", shapes={"scalar": ()}) < TOLERANCE["float64"]


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_functions_of_units(size: float) -> None:
    """The norm of the unit of each element, and the same clipping as the rule's."""
    for name, axis in AXES.items():
        theta, g = (
            np.asarray(tree[name], np.float64)
            for tree in (parameters(shapes=SHAPES), gradients(shapes=SHAPES)[0])
        )
        lengths = unitwise_norm(jnp.asarray(size * g, jnp.float32))
        assert lengths.shape == g.shape
        np.testing.assert_allclose(lengths, np.broadcast_to(size * norm(g, axis), g.shape), rtol=1e-6)
        bound = CLIPPING * jnp.maximum(unitwise_norm(jnp.asarray(theta, jnp.float32)), EPS) * size
        clipped = unitwise_clip(lengths, bound, jnp.asarray(size * g, jnp.float32), div_eps=0.0)
        np.testing.assert_allclose(clipped, size * brock(theta, g, axis, CLIPPING), rtol=2e-6)
    given = unitwise_norm(jnp.array([[3, 4], [0, 1]]), axis=1)
    assert given.tolist() == [[5.0, 5.0], [1.0, 1.0]]


def test_the_least_divisor_of_a_unit() -> None:
    g = jnp.array([0.3, 0.4, 1e-9], jnp.float16)
    assert (
        unitwise_clip(0.5, 0.1, g, div_eps=2.0).tolist()
        == (g.astype(float) * 0.05).astype(jnp.float16).tolist()
    )
    assert unitwise_clip(0.5, 0.6, g, div_eps=2.0).tolist() == g.tolist()
    assert unitwise_clip(0.0, 0.0, jnp.zeros(2)).tolist() == [0.0, 0.0]
    assert jnp.isnan(unitwise_clip(jnp.inf, 1.0, jnp.array([1.0, jnp.inf]))).all()

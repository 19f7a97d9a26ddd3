"""Ball, sphere and simplex: the new parameters lie in the set, at its nearest point."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import project_ball, project_simplex, project_sphere
from tests.rules.constraints import MOVED, PARAMS, STEP, landed

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
def test_a_ball_and_a_sphere(axis: Any) -> None:
    lengths = np.sqrt(np.sum(MOVED**2, axis=axis, keepdims=True))
    np.testing.assert_allclose(
        landed(project_ball(1.5, axis)), MOVED * np.minimum(1, 1.5 / lengths), rtol=2e-6, atol=2e-7
    )
    np.testing.assert_allclose(landed(project_sphere(1.5, axis)), MOVED * 1.5 / lengths, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_no_rounding_of_the_updates_leads_below_zero_in_a_simplex(dtype: str) -> None:
    params, step = jnp.asarray(DRAW.standard_normal((2, 1000, 8)), dtype)
    updates, _ = project_simplex().update(step, project_simplex().init(params), params)
    assert (params + updates).min() == gradtx.apply_updates(params, updates).min() == 0.0


@pytest.mark.parametrize("axis", [0, -1])
def test_a_simplex_by_its_optimality(axis: int) -> None:
    """Not below 0, of the total, and nearest: all above 0 have moved by one amount, the rest by more."""
    got = landed(project_simplex(2.0, axis)).astype(float)
    np.testing.assert_allclose(got.sum(axis), 2.0, rtol=1e-6)
    assert got.min() >= 0.0
    for x, p in zip(np.moveaxis(MOVED, axis, 0).T, np.moveaxis(got, axis, 0).T, strict=True):
        tau = (x - p)[p > 1e-6]
        np.testing.assert_allclose(tau, tau.mean(), atol=1e-6)
        assert np.all(x[p <= 1e-6] <= tau.mean() + 1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e20, 1e37])
def test_squares_that_overflow_or_vanish_do_no_harm(size: float) -> None:
    params, step = jnp.zeros(2), size * jnp.array([-0.6, 0.8])
    for tx in (project_sphere(size / 2), project_ball(size / 2)):
        np.testing.assert_allclose(landed(tx, params, step), step / 2, rtol=1e-6)
    np.testing.assert_allclose(landed(project_sphere(), params, step), [-0.6, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(landed(project_ball(1.1 * size), params, step), step)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_nan_and_no_other(bad: float) -> None:
    step = STEP.copy()
    step[1, 2] = bad
    for project in (project_ball, project_sphere):
        got = landed(project(1.0, axis=1), PARAMS, step)
        assert np.isnan(got).all(1).tolist() == [False, True, False] == np.isnan(got).any(1).tolist()


@pytest.mark.parametrize(
    "tx",
    [project_ball(axis=1), project_sphere(axis=-2), project_ball(axis=(0, -1)), project_simplex(axis=1)],
    ids=str,
)
def test_a_leaf_without_the_axis_is_named(tx: Any) -> None:
    params = {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3), "steps": jnp.arange(3)}
    message = rf"{type(tx).__name__}: axis=.* does not fit the leaf at \['bias'\], of shape \(3,\)"
    for use in (tx.init, lambda p: tx.update(p, tx.init({}), p)):
        with pytest.raises(ValueError, match=message):
            use(params)
        use({"kernel": params["kernel"], "bias": None, "steps": params["steps"]})


def test_what_is_no_axis_is_refused() -> None:
    for make in (lambda: project_ball(axis="rows"), lambda: project_simplex(axis=(0, 1))):
        with pytest.raises(TypeError, match="An axis is a whole number, got"):
            make()
    assert project_ball(axis=[0, np.int64(1)]) == project_ball(axis=(0, 1))


def test_scheduled_sets_and_trees() -> None:
    tx = gradtx.chain(gradtx.sgd(1.0), project_ball(lambda count: 1.0 / (1.0 + count.astype(float))))
    params = {"w": jnp.array([3.0, 4.0]), "b": jnp.array(2.0)}
    state = tx.init(params)
    for radius in (1.0, 0.5):
        updates, state = tx.update(jax.tree.map(jnp.zeros_like, params), state, params)
        params = gradtx.apply_updates(params, updates)
        np.testing.assert_allclose(np.linalg.norm(params["w"]), radius, rtol=1e-6)
        np.testing.assert_allclose(params["b"], radius, rtol=1e-6)


def test_training_inside_a_simplex_finds_the_best_vertex() -> None:
    tx = gradtx.chain(gradtx.sgd(0.1), project_simplex())
    costs, params = jnp.array([0.3, 0.1, 0.5]), jnp.full(3, 1 / 3)
    for _ in range(60):
        updates, _ = tx.update(costs, tx.init(params), params)
        params = gradtx.apply_updates(params, updates)
    np.testing.assert_allclose(params, [0.0, 1.0, 0.0], atol=1e-6)


def test_a_complex_simplex_is_refused() -> None:
    x = jnp.ones(2, jnp.complex64)
    with pytest.raises(TypeError, match="a complex leaf has no order"):
        project_simplex().update(x, project_simplex().init(x), x)


@pytest.mark.parametrize(
    ("x", "total", "expected"),
    [([0.2, 0.3, 0.5], 0.0, [0, 0, 0]), ([1e8, 0.0], 1.0, [1, 0]), ([3e4, 1.0], 1e-3, [1e-3, 0])],
)
def test_a_simplex_at_its_edges(x: Any, total: float, expected: Any) -> None:
    x = jnp.array(x)
    tx = project_simplex(total)
    zeros = jnp.zeros_like(x)
    np.testing.assert_allclose(zeros + tx.update(x, tx.init(zeros), zeros)[0], expected, rtol=1e-6)

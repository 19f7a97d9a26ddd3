"""Projections: in the set, nearer than any other point of it, and exact at any magnitude."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import projections as p

A, B = {"u": jnp.array([1.0, -2.0]), "v": jnp.array(0.5)}, 0.7


def flat(tree: Any) -> Any:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]).astype(np.float64)


def close(value: Any, bound: Any) -> bool:
    return bool(np.all(np.abs(value - bound) <= 1e-5 * (1 + np.abs(bound))))


SETS = {
    "non_negative": (p.projection_non_negative, lambda y: y.min() >= 0),
    "box": (lambda x: p.projection_box(x, -0.5, 0.25), lambda y: y.min() >= -0.5 and y.max() <= 0.25),
    "hypercube": (lambda x: p.projection_hypercube(x, 2), lambda y: y.min() >= 0 and y.max() <= 2),
    "linf_ball": (lambda x: p.projection_linf_ball(x, 0.5), lambda y: abs(y).max() <= 0.5),
    "simplex": (lambda x: p.projection_simplex(x, 2), lambda y: y.min() >= 0 and close(y.sum(), 2)),
    "l1_sphere": (lambda x: p.projection_l1_sphere(x, 2), lambda y: close(abs(y).sum(), 2)),
    "l1_ball": (lambda x: p.projection_l1_ball(x, 2), lambda y: abs(y).sum() <= 2 * (1 + 1e-6)),
    "l2_sphere": (lambda x: p.projection_l2_sphere(x, 2), lambda y: close((y**2).sum(), 4)),
    "l2_ball": (lambda x: p.projection_l2_ball(x, 2), lambda y: (y**2).sum() <= 4 * (1 + 1e-6)),
    "vector": (lambda x: p.projection_vector(x, A), lambda y: close(y * flat(A)[0], y[0] * flat(A))),
    "hyperplane": (lambda x: p.projection_hyperplane(x, A, B), lambda y: close(y @ flat(A), B)),
    "halfspace": (lambda x: p.projection_halfspace(x, A, B), lambda y: y @ flat(A) <= B + 1e-5),
}


def random_tree(random: np.random.Generator, size: float = 1.0) -> Any:
    return {
        "u": jnp.asarray(random.normal(size=2) * size, jnp.float32),
        "v": jnp.asarray(random.normal() * size, jnp.float32),
    }


@pytest.mark.parametrize("name", SETS)
def test_it_is_the_nearest_point_of_the_set(name: str) -> None:
    """No projection of another point is nearer, and that of a point of the set is the point."""
    project, contains = SETS[name]
    random = np.random.default_rng(sum(map(ord, name)))
    for size in (0.1, 1.0, 10.0):
        for _ in range(10):
            x = random_tree(random, size)
            y = project(x)
            assert contains(flat(y))
            if contains(flat(x)):
                np.testing.assert_allclose(flat(y), flat(x), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(flat(project(y)), flat(y), rtol=1e-5, atol=1e-6)
            distance = np.linalg.norm(flat(y) - flat(x))
            for _ in range(10):
                other = flat(project(random_tree(random, size)))
                assert distance <= np.linalg.norm(other - flat(x)) * (1 + 1e-5) + 1e-6


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e30])
def test_it_is_finite_at_any_magnitude(name: str, size: float) -> None:
    project, contains = SETS[name]
    y = project(jax.tree.map(lambda a: size * a, A))
    assert np.isfinite(flat(y)).all()
    exact = name not in ("vector", "hyperplane", "halfspace") or size < 1  # of 1e30 no sum with 0.7 is left
    if exact and not (name == "l2_sphere" and size == 0):
        assert contains(flat(y))


@pytest.mark.parametrize("name", SETS)
def test_dtypes_stay(name: str) -> None:
    x = {"u": jnp.ones(2, jnp.bfloat16), "v": jnp.ones(())}
    got = SETS[name][0](x)
    assert (got["u"].dtype, got["v"].dtype) == (jnp.bfloat16, jnp.float32)


def test_a_difference_that_overflows_counts() -> None:
    x = jnp.array([3e38, -3e38, 3e38, 0.0])
    assert p.projection_simplex(x).tolist() == [0.5, 0.0, 0.5, 0.0]
    assert p.projection_simplex(jnp.array([3e38, 0.0, 0.0, 0.0])).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_bounds_may_be_trees() -> None:
    got = p.projection_box(A, {"u": jnp.zeros(2), "v": 1.0}, {"u": jnp.array([0.5, 3.0]), "v": 2.0})
    assert got["u"].tolist() == [0.5, 0.0]
    assert got["v"] == 1.0


def test_a_normal_of_any_length_serves() -> None:
    for size in (1e-25, 1.0, 1e25):
        normal = jax.tree.map(lambda a, size=size: size * a, A)
        got = p.projection_hyperplane(A, normal, 0.0)
        assert abs(flat(got) @ flat(A)) < 1e-5
        np.testing.assert_allclose(flat(p.projection_vector(A, normal)), flat(A), rtol=1e-6)
    zero = jax.tree.map(jnp.zeros_like, A)
    assert not flat(p.projection_vector(A, zero)).any()


@pytest.mark.exhaustive
def test_what_is_no_vector_is_refused() -> None:
    for leaf in (jnp.ones(2, jnp.int32), jnp.ones(2, jnp.complex64)):
        with pytest.raises(TypeError, match="takes real floating-point arrays"):
            p.projection_simplex(leaf)
    assert p.projection_simplex({}) == {}
    assert p.projection_l1_sphere(jnp.zeros(2)).tolist() == [0.5, 0.5]

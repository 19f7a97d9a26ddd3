"""SOAP against its paper and its authors' code, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import by_path, chain, scale_by_adam, scale_by_learning_rate, scale_by_soap, soap
from gradtx.arithmetic import eigenbasis, next_eigenbasis
from tests.trajectories import (
    distance,
    gradients,
    in_precision_of,
    leafwise,
    parameters,
    rate,
    relative_error,
    rising,
    stacked,
    trajectory,
)

B1, B2, BETA, EPS, INTERVAL, DECAY = 0.8, 0.9, 0.7, 1e-1, 3, 0.2
# No side is longer than the other by more than 1: one gradient leaves at most one direction out, and so
# all bases are unique but for signs.
SHAPES = {"wide": (3, 4), "tall": (4, 3), "layers": (2, 3, 3)}
OPTIONS = {"b1": B1, "b2": B2, "eps": EPS, "shampoo_beta": BETA, "update_interval": INTERVAL}
# Roundings of the statistics turn vectors whose eigenvalues are close: by up to 3000 times as much here.
TOLERANCE = {"float32": 3e-4, "complex64": 3e-4, "float64": 5e-13}


def transposed(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


def iterated(statistic: Any, q: Any) -> tuple[Any, Any]:
    """Algorithm 4, on vectors in descending order of their eigenvalues, as in the authors' code."""
    power = statistic @ q
    order = np.argsort(-np.sum(np.conj(q) * power, axis=-2).real, axis=-1, kind="stable")
    return np.linalg.qr(np.take_along_axis(power, order[..., None, :], -1))[0], order


@leafwise
def vyas(
    theta: Any,
    gradients: list[Any],
    max_size: int = 9,
    b1: Any = lambda t: B1,
    decay: float = 0.0,
    refreshes: Any = lambda t: t % INTERVAL == 0,
) -> Iterator[Any]:
    """Algorithm 3, with the start of the authors' code: the first gradient makes the bases alone."""
    m, n = theta.shape[-2:]
    first, *later = gradients
    left, right = (1 - BETA) * first @ transposed(first), (1 - BETA) * transposed(first) @ first
    q_left, q_right = (np.linalg.eigh(a)[1][..., ::-1] for a in (left, right))
    q_left, q_right = q_left if m <= max_size else np.eye(m), q_right if n <= max_size else np.eye(n)
    theta = theta - rate(0) * decay * theta
    yield theta
    mu, nu = 0.0, 0.0
    for t, g in enumerate(later, start=1):
        b = b1(t)
        mu = b * mu + (1 - b) * g
        nu = B2 * nu + (1 - B2) * np.abs(transposed(q_left) @ g @ q_right) ** 2
        mu_hat = transposed(q_left) @ (mu / (1 - b**t)) @ q_right
        u = q_left @ (mu_hat / (np.sqrt(nu / (1 - B2**t)) + EPS)) @ transposed(q_right)
        theta = theta - rate(t) * (u + decay * theta)
        yield theta
        left = BETA * left + (1 - BETA) * g @ transposed(g)
        right = BETA * right + (1 - BETA) * transposed(g) @ g
        if refreshes(t):
            if m <= max_size:
                q_left, order = iterated(left, q_left)
                nu = np.take_along_axis(nu, order[..., :, None], -2)
            if n <= max_size:
                q_right, order = iterated(right, q_right)
                nu = np.take_along_axis(nu, order[..., None, :], -1)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_scale_by_soap(dtype):
    tx = chain(scale_by_soap(**OPTIONS), scale_by_learning_rate(rate))
    assert distance(tx, vyas(), dtype, shapes=SHAPES) < TOLERANCE[dtype]


@pytest.mark.exhaustive
def test_early_refreshes():
    tx = scale_by_soap(**{**OPTIONS, "update_interval": 5}, early_refreshes=True)
    rule = vyas(refreshes=lambda t: t in (1, 2, 4) or t % 5 == 0)
    tx = chain(tx, scale_by_learning_rate(rate))
    assert distance(tx, rule, "float64", shapes=SHAPES) < TOLERANCE["float64"]


def test_a_large_side_is_not_rotated():
    shapes = {"wide": (3, 6), "tall": (6, 3), "large": (4, 5)}
    tx = chain(scale_by_soap(**OPTIONS, max_size=3), scale_by_learning_rate(rate))
    assert distance(tx, vyas(max_size=3), "float64", shapes=shapes) < TOLERANCE["float64"]


def test_the_optimizer_of_matrices_with_a_scheduled_decay():
    options = {"shampoo_beta": BETA, "update_interval": INTERVAL, "param_labels": by_path({"": "soap"})}
    tx = soap(rate, rising, B2, EPS, DECAY, **options)
    rule = vyas(b1=rising, decay=DECAY)
    assert distance(tx, rule, "float64", shapes=SHAPES) < TOLERANCE["float64"]


@pytest.mark.exhaustive
def test_with_identity_bases_it_is_adam():
    """From the second update on: the first makes the bases, which are put aside here."""
    shapes = {"w": (3, 4)}
    params, (first, *steps) = parameters(shapes=shapes), gradients(steps=5, shapes=shapes)
    tx, adam = scale_by_soap(B1, B2, EPS, update_interval=100), scale_by_adam(B1, B2, EPS)
    _, state = tx.update(first, tx.init(params))
    state, updates = state._replace(left_basis={"w": jnp.eye(3)}, right_basis={"w": jnp.eye(4)}), []
    for g in steps:
        update, state = tx.update(g, state)
        updates.append(update)
    assert relative_error(stacked(updates), trajectory(adam, params, steps)[0]) < 1e-6


def test_without_sides_it_is_adam_one_update_late():
    params, steps = parameters(shapes=SHAPES), gradients(steps=6, shapes=SHAPES)
    updates = trajectory(scale_by_soap(B1, B2, EPS, max_size=0), params, steps)[0]
    adam = trajectory(scale_by_adam(B1, B2, EPS), params, steps[1:])[0]
    assert all(not np.any(leaf[0]) for leaf in updates.values())
    assert relative_error({name: leaf[1:] for name, leaf in updates.items()}, adam) < 1e-6


@pytest.mark.exhaustive
def test_it_turns_with_the_axes():
    """Gradients in other orthonormal axes make the same steps in those; Adam's depend on the axes."""
    generator, shapes = np.random.default_rng(0), {"w": (4, 4)}
    p, q = (np.linalg.qr(generator.standard_normal((4, 4)))[0] for _ in range(2))
    params, steps = parameters("float64", shapes), gradients("float64", 8, shapes)
    turned = [{"w": p @ g["w"] @ q} for g in steps]
    with in_precision_of("float64"):
        one, other = (trajectory(scale_by_soap(**OPTIONS), params, g)[0]["w"] for g in (steps, turned))
    np.testing.assert_allclose(p @ one @ q, other, atol=1e-11)


@pytest.mark.exhaustive
def test_gradients_of_any_rank_stay_finite():
    g = {"none": np.zeros((3, 3)), "one": np.ones((3, 3)), "unlike": np.diag([1e-12, 1e-3, 1e6])}
    g = {name: leaf.astype(np.float32) for name, leaf in g.items()}
    updates, _, state = trajectory(scale_by_soap(update_interval=1), g, [g] * 3)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves((updates, state)))
    assert not np.any(updates["none"])


@pytest.mark.exhaustive
def test_iteration_converges_to_the_eigenvectors():
    with in_precision_of("float64"):
        x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 4, 4)))
        a, q = x @ x.mT, jnp.broadcast_to(jnp.eye(4), (2, 4, 4))
        for _ in range(200):
            q, values = next_eigenbasis(a, q)
        exact = eigenbasis(a)
    assert np.all(np.diff(values, axis=-1) < 0)
    np.testing.assert_allclose(np.abs(q), np.abs(exact), atol=1e-6)


@pytest.mark.parametrize(("kind", "axis"), [("Auto", 2), ("Explicit", 0)])
def test_on_a_mesh_the_statistics_are_split_as_the_leaf(kind, axis):
    mesh = jax.make_mesh((2,), ("data",), axis_types=(getattr(jax.sharding.AxisType, kind),))
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*[None] * axis, "data"))
    (g,) = (step["w"] for step in gradients(steps=1, shapes={"w": (2, 4, 4)}))
    with jax.set_mesh(mesh):
        w = jax.device_put(g, split)
        tx = scale_by_soap(eps=EPS, update_interval=1)
        state = jax.jit(tx.init)(w)
        for _ in range(2):
            update, state = jax.jit(tx.update)(w, state)
        assert update.sharding.is_equivalent_to(split, 3)
        for side, own in ((state.left, 1), (state.left_basis, 1), (state.right, 2), (state.right_basis, 2)):
            spec = {0: ("data",), own: (None, "data")}.get(axis, ())
            expected = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*spec))
            assert side.sharding.is_equivalent_to(expected, 3), side.sharding

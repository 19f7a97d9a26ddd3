"""Shampoo and its grafting against their papers, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import MaskedNode, by_path, chain, scale_by_learning_rate, scale_by_shampoo, shampoo
from tests.trajectories import TOLERANCE, distance, gradients, in_precision_of, leafwise, rate, rising

EPS, EXPONENT, INTERVAL, DECAY = 1e-2, 0.7, 3, 0.2
SHAPES = {"wide": (3, 5), "tall": (5, 2), "layers": (2, 3, 4)}
OPTIONS = {"eps": EPS, "exponent": EXPONENT, "update_interval": INTERVAL}


def transposed(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


def power(a: Any, exponent: float) -> Any:
    """The power of a positive definite matrix."""
    values, vectors = np.linalg.eigh(a)
    return (vectors * values[..., None, :] ** exponent) @ transposed(vectors)


def ridged(a: Any) -> Any:
    """Anil et al. (2020), which state the eps relative to the greatest eigenvalue."""
    return a + EPS * np.linalg.eigvalsh(a)[..., -1, None, None] * np.eye(a.shape[-1])


def directions(gradients: list[Any], b2: Any, max_size: int) -> Iterator[Any]:
    """Gupta et al. (2018), algorithm 1, with the averages of Shi et al. (2023)."""
    m, n = gradients[0].shape[-2:]
    sides = int(m <= max_size) + int(n <= max_size)
    left, right, left_root, right_root = 0.0, 0.0, np.eye(m), np.eye(n)
    for t, g in enumerate(gradients, start=1):
        b = b2(t - 1)
        weight, total = (1.0, 1.0) if b == 1 else (1 - b, 1 - b**t)
        left = b * left + weight * g @ transposed(g)
        right = b * right + weight * transposed(g) @ g
        if (t - 1) % INTERVAL == 0:
            if m <= max_size:
                left_root = power(ridged(left / total), -EXPONENT / sides)
            if n <= max_size:
                right_root = power(ridged(right / total), -EXPONENT / sides)
        yield left_root @ g @ right_root


@leafwise
def gupta(theta: Any, gradients: list[Any], b2: Any = lambda t: 1.0, max_size: int = 9) -> Iterator[Any]:
    for t, u in enumerate(directions(gradients, b2, max_size)):
        theta = theta - rate(t) * u
        yield theta


@pytest.mark.parametrize(("b2", "dtype"), [(0.8, dtype) for dtype in TOLERANCE] + [(1.0, "float64")])
def test_averages_and_sums(b2, dtype):
    """The condition numbers, 1 / EPS at most, multiply the roundings of the statistics by up to 10."""
    tx = chain(scale_by_shampoo(b2, **OPTIONS), scale_by_learning_rate(rate))
    assert distance(tx, gupta(lambda t: b2), dtype, shapes=SHAPES) < 10 * TOLERANCE[dtype]


def test_with_a_scheduled_decay():
    tx = chain(scale_by_shampoo(rising, **OPTIONS), scale_by_learning_rate(rate))
    assert distance(tx, gupta(rising), "float64", shapes=SHAPES) < 1e-11


@pytest.mark.exhaustive
def test_a_large_side_is_left_alone_and_holds_nothing():
    tx = chain(scale_by_shampoo(0.8, **OPTIONS, max_size=3), scale_by_learning_rate(rate))
    shapes = {**SHAPES, "large": (4, 5)}
    assert distance(tx, gupta(lambda t: 0.8, max_size=3), "float64", shapes=shapes) < 1e-11
    state, _ = tx.init({name: jnp.zeros(shape) for name, shape in shapes.items()})
    none = MaskedNode()
    left = {"wide": (3, 3), "tall": none, "layers": (2, 3, 3), "large": none}
    right = {"wide": none, "tall": (2, 2), "layers": none, "large": none}
    for tree, expected in zip(state[1:], (left, right) * 2, strict=True):
        assert jax.tree.map(jnp.shape, tree) == expected


@pytest.mark.parametrize(("max_size", "dtype"), [(5, "complex128"), (3, "float64")])
def test_one_step_from_zero_is_the_polar_factor(max_size, dtype):
    """Of both sides, and of one that has the whole exponent."""
    (g,) = (step["g"] for step in gradients(dtype, steps=1, shapes={"g": (3, 5)}))
    tx = scale_by_shampoo(eps=0.0, max_size=max_size)
    u, _, vh = np.linalg.svd(g, full_matrices=False)
    # Two columns too many: what should be 0 in the larger square is 1e-16, and its inverse root 1e4.
    with in_precision_of(dtype):
        np.testing.assert_allclose(tx.update(g, tx.init(g))[0], u @ vh, atol=1e-10)


@pytest.mark.parametrize("eps", [0.0, 1e-6])
def test_gradients_of_any_rank_stay_finite(eps):
    g = {"none": np.zeros((3, 3)), "one": np.ones((3, 3)), "unlike": np.diag([1e-12, 1e-3, 1e6])}
    g = jax.tree.map(jnp.float32, g)
    tx = scale_by_shampoo(eps=eps)
    update, state = jax.jit(tx.update)(g, tx.init(g))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves((update, state)))
    # No direction of rank r is longer than the polar factor, of length sqrt(r), but by what rounding adds.
    assert all(np.linalg.norm(leaf) < 2.0 for leaf in update.values())
    assert not np.any(update["none"])


@pytest.mark.parametrize("options", [{"update_interval": 0}, {"update_interval": 2.0}, {"max_size": -1}])
def test_what_is_no_whole_number_is_refused(options):
    with pytest.raises(ValueError, match="must be a whole number of at least"):
        scale_by_shampoo(**options)


B1, B2, ADAM_EPS = 0.7, 0.9, 1e-1


@leafwise
def grafted(theta: Any, gradients: list[Any], grafting: str | None) -> Iterator[Any]:
    """The direction at the length of another one's, averaged (Anil et al. 2020), with decoupled decay."""
    square, mu = 0.0, 0.0
    for t, (g, u) in enumerate(zip(gradients, directions(gradients, lambda t: 0.8, 9), strict=True), start=1):
        square = B2 * square + (1 - B2) * np.abs(g) ** 2
        lengths = {"adam": g / (np.sqrt(square / (1 - B2**t)) + ADAM_EPS), "gradient": g, None: u}
        mu = B1 * mu + (1 - B1) * u * np.linalg.norm(lengths[grafting]) / np.linalg.norm(u)
        theta = theta - rate(t - 1) * (mu / (1 - B1**t) + DECAY * theta)
        yield theta


@pytest.mark.parametrize("grafting", ["adam", "gradient", None])
def test_the_optimizer_of_matrices(grafting):
    """A leaf of several matrices has one length: its own."""
    tx = shampoo(
        rate,
        B1,
        B2,
        ADAM_EPS,
        DECAY,
        shampoo_beta=0.8,
        shampoo_eps=EPS,
        exponent=EXPONENT,
        update_interval=INTERVAL,
        grafting=grafting,
        param_labels=by_path({"": "shampoo"}),
    )
    assert distance(tx, grafted(grafting), "float64", shapes=SHAPES) < 1e-11


@pytest.mark.exhaustive
def test_a_gradient_of_zeros_freezes_nothing():
    """Behind a layer that begins at zero the first gradient is zero, and its roots serve an interval."""
    tx, g = scale_by_shampoo(update_interval=10), jnp.eye(3)
    _, state = tx.update(jnp.zeros((3, 3)), tx.init(g))
    np.testing.assert_allclose(tx.update(g, state)[0], g, rtol=1e-6)


def test_an_unknown_length_is_refused():
    with pytest.raises(ValueError, match="'adam', 'gradient' or None, got 'sgd'"):
        shampoo(0.1, grafting="sgd")


@pytest.mark.exhaustive
def test_named_axes_are_joined():
    """Two axes that lead in are one side, wherever they stand."""
    options = {"eps": EPS, "weight_dimension_numbers": "in heads out in"}
    with in_precision_of("float64"):
        g = np.random.default_rng(0).standard_normal((2, 3, 4, 2))
        tx = scale_by_shampoo(**options)
        update, state = tx.update(g, tx.init(g))
        matrices = np.transpose(g, (1, 0, 3, 2)).reshape(3, 4, 4)
        plain = scale_by_shampoo(eps=EPS)
        expected = plain.update(matrices, plain.init(matrices))[0].reshape(3, 2, 2, 4)
    assert state.left.shape == (3, 4, 4)
    np.testing.assert_allclose(update, np.transpose(expected, (1, 0, 3, 2)), rtol=1e-9)


@pytest.mark.exhaustive
def test_on_an_automatic_mesh_the_direction_is_split_as_the_gradient():
    mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    g, tx = jax.device_put(np.ones((4, 2), np.float32), split), scale_by_shampoo()
    with jax.set_mesh(mesh):
        assert jax.jit(tx.update)(g, tx.init(g))[0].sharding.is_equivalent_to(split, 2)

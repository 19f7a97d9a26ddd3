"""The private mean: each example is shortened by itself, and the noise has the size that it says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

import gradtx
from gradtx import differentially_private_aggregate, dpsgd

DRAW = np.random.default_rng(0)
PER_EXAMPLE = {"w": DRAW.standard_normal((6, 3, 2)), "b": DRAW.standard_normal((6, 2))}
PARAMS = {"w": jnp.zeros((3, 2)), "b": jnp.zeros(2)}


def aggregate(bound: float, sigma: float, gradients=PER_EXAMPLE, params=PARAMS, key=0):
    tx = differentially_private_aggregate(bound, sigma, key)
    gradients = jax.tree.map(lambda g: jnp.asarray(g, jnp.float32), gradients)
    return tx.update(gradients, tx.init(params), params)[0]


def abadi(bound: float, gradients=PER_EXAMPLE):
    """Abadi et al. (2016), algorithm 1, without the noise."""
    total = {name: np.zeros(g.shape[1:]) for name, g in gradients.items()}
    for i in range(6):
        length = np.sqrt(sum(np.sum(g[i] ** 2) for g in gradients.values()))
        for name, g in gradients.items():
            total[name] += g[i] / max(1.0, length / bound)
    return {name: value / 6 for name, value in total.items()}


@pytest.mark.parametrize("bound", [0.5, 2.5, 100.0])
def test_each_example_is_shortened_by_its_own_norm(bound):
    got, expected = aggregate(bound, 0.0), abadi(bound)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-5, atol=1e-7)


@pytest.mark.exhaustive
def test_the_noise_has_the_deviation_of_the_bound_over_the_examples():
    gradients = {"w": jnp.zeros((4, 20_000))}
    noise = np.asarray(aggregate(2.0, 1.5, gradients, {"w": jnp.zeros(20_000)})["w"])
    np.testing.assert_allclose(noise.std(), 2.0 * 1.5 / 4, rtol=0.03)
    assert abs(noise.mean()) < 0.03
    other = np.asarray(aggregate(2.0, 1.5, gradients, {"w": jnp.zeros(20_000)}, key=1)["w"])
    assert abs(np.corrcoef(noise, other)[0, 1]) < 0.03


@pytest.mark.exhaustive
def test_both_parts_of_a_complex_number_have_all_of_the_noise():
    tx = differentially_private_aggregate(2.0, 1.5)
    noise = tx.update(jnp.zeros((4, 20_000), jnp.complex64), tx.init(jnp.zeros(20_000, jnp.complex64)))[0]
    for part in (noise.real, noise.imag):
        np.testing.assert_allclose(part.std(), 2.0 * 1.5 / 4, rtol=0.03)


def test_every_step_draws_anew():
    tx = dpsgd(0.1, 1.0, 1.0)
    zeros = jax.tree.map(lambda g: jnp.zeros(g.shape), PER_EXAMPLE)
    first, state = tx.update(zeros, tx.init(PARAMS), PARAMS)
    second, _ = tx.update(zeros, state, PARAMS)
    assert not np.allclose(first["w"], second["w"])
    assert not np.allclose(first["w"][:1, :1], first["b"][:1])  # each leaf its own


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_example_that_is_not_finite_counts_as_zeros(bad):
    spoiled = {name: g.copy() for name, g in PER_EXAMPLE.items()}
    spoiled["b"][2, 0] = bad
    without = {
        name: g * (np.arange(6) != 2).reshape(-1, *[1] * (g.ndim - 1)) for name, g in PER_EXAMPLE.items()
    }
    got, expected = aggregate(1.0, 0.0, spoiled), aggregate(1.0, 0.0, without)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), got, expected)


def test_gradients_without_examples_are_refused():
    with pytest.raises(ValueError, match="must have the examples as its first axis"):
        aggregate(1.0, 0.0, {"w": jnp.ones((6, 3, 2)), "b": jnp.ones(2)})


def test_momentum_stands_behind_the_noise():
    tx = dpsgd(0.5, 1e6, 0.0, momentum=0.9)
    gradients = jax.tree.map(lambda g: jnp.asarray(g, jnp.float32), PER_EXAMPLE)
    state = tx.init(PARAMS)
    for _ in range(2):
        updates, state = tx.update(gradients, state, PARAMS)
    np.testing.assert_allclose(updates["b"], -0.5 * 1.9 * PER_EXAMPLE["b"].mean(0), rtol=1e-5)
    assert tx.needs == frozenset() == gradtx.sgd(0.1).needs


def test_examples_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\['w'\]: got shape \(2,\), expected shape \(3,\)"):
        aggregate(1.0, 0.0, {"w": np.ones((4, 2))}, {"w": jnp.zeros(3)})


@pytest.mark.exhaustive
def test_gradients_of_the_whole_batch_are_refused():
    """A leaf as long as the parameter has its first axis taken for that of the examples."""
    with pytest.raises(ValueError, match=r"made under jax\.vmap.*got shape \(2,\), expected shape \(3, 2\)"):
        aggregate(1.0, 0.0, {"w": np.ones((3, 2))}, {"w": jnp.zeros((3, 2))})


@pytest.mark.parametrize("gradients", [{"w": np.ones((0, 3, 2)), "b": np.ones((0, 2))}, np.ones((0, 4))])
def test_no_examples_are_refused(gradients):
    with pytest.raises(ValueError, match="there are no examples"):
        aggregate(1.0, 1.0, gradients, None)


def test_a_bound_that_bounds_nothing_is_refused():
    for bound, noise in ((np.inf, 1.0), (1.0, np.inf)):
        with pytest.raises(ValueError, match="at least 0 and below inf"):
            differentially_private_aggregate(bound, noise)
    traced = jax.jit(lambda bound: aggregate(bound, 0.5))(np.inf)  # no number that looks like a private one
    assert not any(np.isfinite(leaf).any() for leaf in jax.tree.leaves(traced))


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=str)
def test_examples_may_be_split_over_devices(kind):
    """And the parameters behind them too: the mean lies as they do, with the numbers of one device."""
    examples = {"w": DRAW.standard_normal((8, 4, 2)), "b": DRAW.standard_normal((8, 2))}
    examples = jax.tree.map(lambda g: jnp.asarray(g, jnp.float32), examples)
    params = {"w": jnp.zeros((4, 2)), "b": jnp.zeros(2)}
    tx = differentially_private_aggregate(0.5, 0.3)
    expected, _ = tx.update(examples, tx.init(params), params)
    mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=(kind, kind))
    with jax.set_mesh(mesh):
        for update in (tx.update, jax.jit(tx.update)):
            split = {"w": jax.device_put(examples["w"], NamedSharding(mesh, P("data", "model")))}
            split["b"] = jax.device_put(examples["b"], NamedSharding(mesh, P("data")))
            got, _ = update(split, tx.init(params))
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), got, expected)
            if kind == AxisType.Explicit:
                assert jax.typeof(got["w"]).sharding.spec == P("model", None)


@pytest.mark.exhaustive
def test_no_gradients_have_a_derivative():
    tx = differentially_private_aggregate(1.0, 0.0)
    gradient = jax.grad(lambda g: tx.update(g, tx.init(g[0]))[0].sum())(jnp.zeros((3, 2)))
    np.testing.assert_allclose(gradient, 1 / 3, rtol=1e-6)

"""Both estimators of curvature against the exact diagonals, over all draws there are or over many."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import gauss_newton_bartlett, hutchinson_estimator_diag_hessian
from gradtx.rules import along_direction, of_drawn_labels

DRAWS = 4000
FEATURES = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 0.25]])  # of three examples


def coupled(params: Any) -> Any:
    """A loss whose Hessian has large elements beside its diagonal."""
    w, b = params["w"], params["b"]
    return jnp.sum(w**4) * b + jnp.prod(w) + jnp.exp(0.5 * b) * w[0]


def model() -> Any:
    generator = np.random.default_rng(3)
    return {"kernel": generator.standard_normal((2, 3)), "bias": generator.standard_normal(3), "steps": 7}


def logits(params: Any, copies: int = 1) -> jax.Array:
    """The logits of three classes, for each example `copies` times: shape (3, copies, 3)."""
    z = jnp.asarray(FEATURES, params["bias"].dtype) @ params["kernel"] + params["bias"][None]
    return jnp.repeat(z[:, None], copies, axis=1)


def gauss_newton_diagonal(params: Any) -> Any:
    """The diagonal of the mean over the examples of J' (diag(p) - p p') J."""
    p = np.asarray(jax.nn.softmax(logits(params)[:, 0]))
    middle = np.stack([np.diag(row) - np.outer(row, row) for row in p])
    features = {"kernel": FEATURES[:, :, None], "bias": np.ones((3, 1))}
    variances = np.diagonal(middle, axis1=1, axis2=2)  # of each class, for each example
    of_kernel = np.mean(features["kernel"] ** 2 * variances[:, None, :], axis=0)
    return {"kernel": of_kernel, "bias": np.mean(variances, axis=0)}


def one_update(tx: Any, params: Any, **extra: Any) -> tuple[Any, Any]:
    """The first estimate, and the state after it."""
    return jax.jit(lambda params: tx.update(params, tx.init(params), params, **extra))(params)


def estimates(tx: Any, params: Any, **extra: Any) -> Any:
    """What `tx` returns in each of many updates."""

    def step(state: Any, _: None) -> Any:
        estimate, state = tx.update(params, state, params, **extra)
        return state, estimate

    return jax.jit(lambda state: jax.lax.scan(step, state, length=DRAWS)[1])(tx.init(params))


def deviations(draws: Any, expected: Any) -> Any:
    """How many standard errors the mean of the draws is from what is expected."""
    error = np.std(draws, axis=0) / DRAWS**0.5
    return np.max(np.abs(np.mean(draws, axis=0) - expected) / error)


@pytest.mark.exhaustive
def test_hutchinson_is_exact_for_a_diagonal_hessian():
    params = {"w": jnp.linspace(-1.0, 1.0, 6).reshape(2, 3), "s": jnp.float32(0.5), "steps": jnp.arange(2)}
    tx = hutchinson_estimator_diag_hessian()
    loss = lambda params: 3.0 * jnp.sum(jnp.cos(params["w"])) + params["s"] ** 3  # noqa: E731
    estimate, _ = one_update(tx, params, obj_fn=loss)
    np.testing.assert_allclose(estimate["w"], -3.0 * np.cos(params["w"]), rtol=1e-6)
    np.testing.assert_allclose(estimate["s"], 3.0, rtol=1e-6)


@pytest.mark.exhaustive
def test_the_mean_of_hutchinson_over_all_signs_is_the_diagonal():
    with jax.enable_x64(True):
        params = {"w": jnp.array([0.7, -1.2, 0.4]), "b": jnp.array(0.9)}
        signs = jnp.array(list(itertools.product((1.0, -1.0), repeat=4)))
        directions = {"w": signs[:, :3], "b": signs[:, 3]}
        estimate = lambda u: along_direction(coupled, params, lambda _: u)  # noqa: E731
        each = jax.jit(jax.vmap(estimate))(directions)
        hessian = jax.jit(jax.hessian(coupled))(params)
        exact = {"w": np.diagonal(hessian["w"]["w"]), "b": hessian["b"]["b"]}
        for name in params:
            np.testing.assert_allclose(np.mean(each[name], axis=0), exact[name], rtol=1e-12)
            assert np.all(np.std(each[name], axis=0) > 0.5)  # and no estimate is that by itself


@pytest.mark.parametrize(("distribution", "variance"), [("rademacher", 1.0), ("normal", 9.0)])
def test_hutchinson_draws_independently(distribution, variance):
    """For each element of each leaf at every update, or products of two would not cancel on average.

    Those of b are 2 u² + u v, with the variance 4 Var(u²) + 1, and Var(u²) is 0 for signs and 2 for normal u.
    """
    tx = hutchinson_estimator_diag_hessian(distribution=distribution)
    params = {"a": jnp.ones(2), "b": jnp.ones(2)}
    loss = lambda p: jnp.sum(p["a"] * p["b"]) + jnp.prod(p["a"]) + jnp.sum(p["b"] ** 2)  # noqa: E731
    draws = estimates(tx, params, obj_fn=loss)
    assert deviations(draws["a"], 0.0) < 4.5
    assert deviations(draws["b"], 2.0) < 4.5
    assert np.var(draws["b"]) == pytest.approx(variance, rel=0.2)


@pytest.mark.exhaustive
def test_a_complex_parameter_gets_the_mean_of_both_curvatures():
    z = jnp.array([0.3 - 0.2j], jnp.complex64)
    loss = lambda z: jnp.sum(3.0 * z.real**2 + z.imag**2)  # noqa: E731
    estimate, _ = one_update(hutchinson_estimator_diag_hessian(), z, obj_fn=loss)
    assert float(estimate[0]) == pytest.approx((6.0 + 2.0) / 2)
    mixed = lambda z: loss(z) + jnp.sum(z.real * z.imag)  # noqa: E731
    draws = estimates(hutchinson_estimator_diag_hessian(), z, obj_fn=mixed)
    assert deviations(draws, (6.0 + 2.0) / 2) < 4.5
    assert np.std(draws) == pytest.approx(1.0, rel=0.1)  # the mixed derivative, with either sign
    even = lambda z: (2.0 * z.real + z.imag) * jnp.array([1.0, -1.0])  # noqa: E731
    estimate, _ = one_update(gauss_newton_bartlett(), z - z, logits_fn=even)
    assert float(estimate[0]) == pytest.approx((2.0**2 + 1.0**2) / 2)


def test_the_mean_of_bartlett_over_all_labels_is_the_gauss_newton_diagonal():
    """Each of the 27 ways to label three examples, with the probability that the model gives to it."""
    with jax.enable_x64(True):
        params = model()
        p = np.asarray(jax.nn.softmax(logits(params)[:, 0]))
        labels = np.array(list(itertools.product(range(3), repeat=3)))
        probabilities = np.prod(p[np.arange(3), labels], axis=-1)
        estimate = lambda labels: of_drawn_labels(logits, params, lambda _: labels[:, None])  # noqa: E731
        each = jax.jit(jax.vmap(estimate))(labels)
        for name, exact in gauss_newton_diagonal(params).items():
            mean = np.tensordot(probabilities, each[name], axes=1)
            np.testing.assert_allclose(mean, exact, rtol=1e-12)


@pytest.mark.exhaustive
def test_bartlett_draws_its_labels_from_the_model():
    """Two predictions for each example, each with a label of its own."""
    params = jax.tree.map(jnp.float32, {**model(), "steps": None})
    draws = estimates(gauss_newton_bartlett(), params, logits_fn=lambda params: logits(params, copies=2))
    for name, exact in gauss_newton_diagonal(params).items():
        assert deviations(draws[name], exact) < 4.5


@pytest.mark.parametrize("key", [jax.random.key, jax.random.PRNGKey], ids=["new", "old"])
def test_a_key_does_as_well_as_a_seed(key):
    by_seed, by_key = hutchinson_estimator_diag_hessian(5), hutchinson_estimator_diag_hessian(key(5))
    np.testing.assert_array_equal(by_seed.init(()).key, by_key.init(()).key)
    assert hash(by_key) == hash(eval(repr(by_key)))
    with pytest.raises(TypeError, match="a seed or one random key"):
        hutchinson_estimator_diag_hessian(jax.random.split(key(5)))


def test_another_generator_is_kept():
    params = jnp.ones(2)
    tx = hutchinson_estimator_diag_hessian(jax.random.key(0, impl="rbg"))
    estimate, state = one_update(tx, params, obj_fn=lambda x: jnp.sum(x**2))
    np.testing.assert_allclose(estimate, 2.0)
    assert state.key.shape == tx.init(params).key.shape == (4,)

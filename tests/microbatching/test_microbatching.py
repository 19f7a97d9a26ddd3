"""Functions of a batch by micro-batches: their results are those of the whole batch."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P

import gradtx
from gradtx.microbatching import (
    AccumulationType,
    Accumulator,
    micro_grad,
    micro_vmap,
    microbatch,
    microbatched_value_and_grad,
    reshape_batch_axis,
)

MEAN, SUM, RUNNING, CONCAT = AccumulationType
DRAW = np.random.default_rng(0)
X, Y = jnp.asarray(DRAW.normal(size=(12, 3)), jnp.float32), jnp.asarray(DRAW.normal(size=12), jnp.float32)
W = {"w": jnp.array([1.0, -2.0, 0.5]), "b": jnp.array(0.25)}


def errors(params: Any, x: Any, y: Any) -> Any:
    return x @ params["w"] + params["b"] - y


def loss(params: Any, x: Any, y: Any) -> Any:
    return 0.5 * jnp.mean(errors(params, x, y) ** 2)


def test_examples_interleave() -> None:
    x = jnp.arange(24).reshape(2, 12)
    got = reshape_batch_axis({"x": x}, 4, axis=1)["x"]
    assert got.shape == (2, 3, 4)
    for micro_batch in range(3):
        np.testing.assert_array_equal(got[:, micro_batch], x[:, micro_batch::3])
    np.testing.assert_array_equal(reshape_batch_axis(x, 4, axis=-1), got)
    for size in (5, 0, -4):
        with pytest.raises(ValueError, match="12 examples is no whole number of micro-batches"):
            reshape_batch_axis(x, size, 1)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=str)
def test_a_batch_that_is_split_over_devices_stays_where_it_is(kind: Any) -> None:
    mesh = jax.make_mesh((4,), ("data",), axis_types=(kind,))
    with jax.set_mesh(mesh):
        x = jax.device_put(X, NamedSharding(mesh, P("data")))
        got = jax.jit(lambda x: reshape_batch_axis(x, 4))(x)
        assert got.sharding.is_equivalent_to(NamedSharding(mesh, P(None, "data")), 3)
        total = jax.jit(microbatch(lambda x: (x.sum(0), 2 * x), 0, 4, (SUM, CONCAT)))(x)
    np.testing.assert_allclose(total[0], X.sum(0), rtol=1e-5)
    np.testing.assert_array_equal(total[1], 2 * X)


@pytest.mark.parametrize("size", [1, 3, 12, None])
def test_results_are_those_of_the_whole_batch(size: int | None) -> None:
    """A sum, a mean of means, rows in their order, and one number a micro-batch."""

    def fun(params: Any, x: Any, *, y: Any) -> Any:
        return {
            "sum": jnp.sum(y),
            "means": (loss(params, x, y), {"x": jnp.mean(x, 0)}),
            "rows": errors(params, x, y),
        }

    kinds = {"sum": SUM, "means": (MEAN, RUNNING), "rows": CONCAT}
    got = jax.jit(microbatch(fun, 1, size, kinds, argnames="y"))(W, X, y=Y)
    expected = fun(W, X, y=Y)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), got, expected)


def test_arguments_by_position_and_name_with_axes_of_their_own() -> None:
    def total(x: Any, y: Any, *, z: Any) -> Any:
        assert (x.shape, y.shape, z["a"].shape) == ((3, 4), (4,), (2, 4))
        return jnp.sum(x @ y) + jnp.sum(z["a"] @ y)

    z = {"a": X[:, :2].T}
    by_micro_batch = microbatch(total, (0, 1), 4, argnames=("z",), in_axes=(1, 0, -1))
    whole = jnp.sum(X.T @ Y) + jnp.sum(z["a"] @ Y)
    np.testing.assert_allclose(by_micro_batch(X.T, Y, z=z), whole, rtol=1e-5)


def test_sums_of_16_bits_are_wide() -> None:
    """In bfloat16 the sum would stay at 256."""
    ones = jnp.ones(1024, jnp.bfloat16)
    kinds = (SUM, MEAN, RUNNING, CONCAT)
    got = microbatch(lambda x: (x[0], x[0], x[0], x), 0, 1, kinds)(ones)
    assert [x.dtype for x in got] == [jnp.float32] * 3 + [jnp.bfloat16]
    assert (got[0], got[1], got[2]) == (1024.0, 1.0, 1.0)
    assert float(micro_vmap(lambda x: x, accumulator=SUM)(jnp.ones(1025, jnp.bfloat16))) == 1025.0
    assert microbatch(jnp.sum, 0, 256)(jnp.ones(1024, jnp.int32)).dtype == jnp.int32
    with pytest.raises(TypeError, match="A mean takes floating-point results, got int32"):
        microbatch(jnp.sum, 0, 256, MEAN)(jnp.ones(1024, jnp.int32))


def test_equal_micro_batches_and_large_ones_have_their_mean() -> None:
    x = jnp.full((12,), 1e38)
    assert microbatch(lambda x: x[0], 0, 2, RUNNING)(x) == x[0]
    assert microbatch(lambda x: jnp.float32(0.1), 0, 2, RUNNING)(x) == np.float32(0.1)


@pytest.mark.parametrize("real", [1, 2, 4])
def test_fewer_micro_batches_than_the_batch_has(real: int) -> None:
    """Traced, so that another number of examples is the same program."""
    kinds = (SUM, MEAN, RUNNING, CONCAT)

    @jax.jit
    def run(real: Any) -> Any:
        return microbatch(
            lambda y: (y.sum(), y.mean(), y.mean(), y), 0, 3, kinds, num_real_microbatches=real
        )(Y)

    total, mean, running, rows = run(real)
    taken = np.arange(12) % 4 < real  # of four that interleave
    np.testing.assert_allclose(total, Y[taken].sum(), rtol=1e-5)
    np.testing.assert_allclose(mean, Y[taken].sum() / 12, rtol=1e-5)
    np.testing.assert_allclose(running, Y[taken].mean(), rtol=1e-5)
    np.testing.assert_array_equal(rows, np.where(taken, Y, 0))


def test_an_accumulator_of_ones_own() -> None:
    """It gets the tree at its place."""
    most = Accumulator(
        init=lambda shape: jax.tree.map(lambda x: jnp.full(x.shape, -jnp.inf), shape),
        update=lambda carry, x, index: jax.tree.map(jnp.maximum, carry, x),
        finalize=lambda carry: jax.tree.map(lambda x: 10 * x, carry),
        aggregate=lambda x: jax.tree.map(lambda x: x.max(0), x),
    )
    got = microbatch(lambda y: {"a": y.max(), "b": -y.min()}, 0, 4, most)(Y)
    np.testing.assert_allclose([got["a"], got["b"]], [10 * Y.max(), -10 * Y.min()])
    got = micro_vmap(lambda y: {"a": y}, microbatch_size=4, accumulator={"a": most})(Y)
    np.testing.assert_allclose(got["a"], 10 * Y.max())
    with pytest.raises(TypeError, match="must be an Accumulator or an AccumulationType, got 'sum'"):
        microbatch(jnp.sum, 0, 4, "sum")(Y)


@pytest.mark.parametrize("size", [None, 4])
@pytest.mark.parametrize("kind", [SUM, MEAN, RUNNING, CONCAT])
def test_a_map_over_examples(kind: Any, size: int | None) -> None:
    def one(params: Any, x: Any, *, y: Any) -> Any:
        assert (x.shape, y.shape) == ((3,), ())
        return {"square": errors(params, x, y) ** 2}

    each = np.asarray(errors(W, X, Y)) ** 2
    expected = {SUM: each.sum(), MEAN: each.mean(), RUNNING: each.mean(), CONCAT: each}[kind]
    got = micro_vmap(one, (None, 1), microbatch_size=size, accumulator=kind)(W, X.T, y=Y)
    np.testing.assert_allclose(got["square"], expected, rtol=1e-5)
    pair = micro_vmap(jnp.multiply, microbatch_size=size, accumulator=kind)(Y, Y)  # both arguments
    np.testing.assert_allclose(pair, {SUM: Y @ Y, CONCAT: Y * Y}.get(kind, Y @ Y / 12), rtol=1e-5)
    with pytest.raises(ValueError, match="out_axes must be 0, got 1"):
        micro_vmap(one, out_axes=1)


@pytest.mark.parametrize("size", [None, 3])
def test_gradients_of_single_examples(size: int | None) -> None:
    def with_aux(params: Any, x: Any, y: Any) -> Any:
        assert x.shape == (1, 3)
        return loss(params, x, y), errors(params, x, y)[0]

    clip = gradtx.clip_by_global_norm(1.0)
    gradient, each = micro_grad(
        with_aux,
        has_aux=True,
        batch_argnums=(1, 2),
        microbatch_size=size,
        transform_fn=lambda g: clip.update(g, clip.init(g))[0],
        metrics_fn=gradtx.tree.norm,
    )(W, X, Y)
    e = np.asarray(errors(W, X, Y))
    grads = {"w": e[:, None] * X, "b": e}
    lengths = np.sqrt((np.asarray(grads["w"]) ** 2).sum(1) + e**2)
    np.testing.assert_allclose(each.metrics, lengths, rtol=1e-5)
    np.testing.assert_allclose(each.values, e**2 / 2, rtol=1e-5)
    np.testing.assert_allclose(each.aux, e, rtol=1e-5)
    expected, _ = gradtx.per_example_global_norm_clip(grads, 1.0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), gradient, expected)
    plain, each = micro_grad(lambda w, x: jnp.sum(w * x), keep_batch_dim=False, microbatch_size=size)(
        W["w"], X
    )
    np.testing.assert_allclose(plain, X.sum(0), rtol=1e-5)
    assert (each.metrics, each.aux) == (None, None)


@pytest.mark.parametrize("k", [1, 3, 12])
def test_the_gradient_of_a_mean_with_the_norms_of_its_parts(k: int) -> None:
    run = jax.jit(microbatched_value_and_grad(loss, k, batch_argnums=(1, 2)))
    value, gradient, norms = run(W, X, Y)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda x: jnp.asarray(np.asarray(x), jnp.float64), (W, X, Y))
        expected = jax.value_and_grad(loss)(*wide)
        parts = [jax.grad(loss)(wide[0], wide[1][i::k], wide[2][i::k]) for i in range(k)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), (value, gradient), expected)
    lengths = [np.hypot(np.linalg.norm(p["w"]), p["b"]) for p in parts]
    np.testing.assert_allclose(norms, lengths, rtol=1e-5)
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), (W, X, Y))
    assert {x.dtype for x in jax.tree.leaves(run(*half))} == {np.dtype("float32")}


def test_what_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="5 micro-batches do not divide 12 examples"):
        microbatched_value_and_grad(loss, 5, batch_argnums=(1, 2))(W, X, Y)
    with pytest.raises(ValueError, match="k must be at least 1"):
        microbatched_value_and_grad(loss, 0)
    with pytest.raises(ValueError, match=r"the batch axes must have one length, got the lengths \[3, 12\]"):
        microbatch(jnp.add, (0, 1), 3)(Y, Y[:3])
    with pytest.raises(ValueError, match="one length, got no arrays"):
        microbatch(jnp.sum, (), 3)(Y)


@pytest.mark.exhaustive
def test_derivatives_pass_through() -> None:
    def total(params: Any) -> Any:
        return microbatch(loss, (1, 2), 4, MEAN)(params, X, Y)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5),
        jax.grad(total)(W),
        jax.grad(loss)(W, X, Y),
    )

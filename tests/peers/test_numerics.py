"""Numerical functions and clips against Optax, over random arguments."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx
from tests.peers.comparison import permissive

NAMES = sorted(gradtx.numerics.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_it_has_optax_s_parameters(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(library, name)).parameters for library in (gradtx, optax))
    assert {n: (p.kind, p.default) for n, p in ours.items()} == {
        n: (p.kind, p.default) for n, p in theirs.items()
    }


def both(name: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    with permissive():
        return tuple(getattr(library, name)(*args, **options) for library in (gradtx, optax))  # pyright: ignore


def of(dtype: Any, *shape: int, seed: int = 0) -> Any:
    draw = np.random.default_rng(seed + sum(shape)).normal(size=(2, *shape))
    return jnp.asarray(draw[0] + 1j * draw[1] if dtype == "complex64" else draw[0], dtype)


@pytest.mark.parametrize("dtype", ["float32", "complex64", "bfloat16"])
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
def test_norms(dtype: str, shape: tuple[int, ...]) -> None:
    least = 1.7  # some vectors of these are shorter
    x, close = of(dtype, *shape), {"rtol": 2e-2 if dtype == "bfloat16" else 1e-5}
    np.testing.assert_allclose(*both("safe_root_mean_squares", x, least), **close)
    for order, axis in ((None, None), (1, 0), (3, -1), (None, (0, -1))):
        if axis == (0, -1) and len(shape) == 1:
            continue
        np.testing.assert_allclose(*both("safe_norm", x, least, order, axis), **close)
        slopes = [
            jax.grad(lambda x, f=f: jnp.sum(f(x, least, order, axis)).astype(float))  # noqa: B023
            for f in (gradtx.safe_norm, optax.safe_norm)
        ]
        with permissive():
            np.testing.assert_allclose(
                *(s(x).astype(jnp.complex64) for s in slopes),
                **close,
                atol=1e-2 if dtype == "bfloat16" else 1e-6,
            )


@pytest.mark.parametrize("scale", [0.0, 1.0, -0.5])
def test_scaled_gradients(scale: float) -> None:
    x = {"a": of("float32", 3), "b": of("bfloat16", 2, 2)}

    def total(f: Any) -> Any:
        return lambda x: sum(jnp.sum(jnp.sin(leaf)).astype(float) for leaf in jax.tree.leaves(f(x, scale)))

    slopes = (jax.value_and_grad(total(f))(x) for f in (gradtx.scale_gradient, optax.scale_gradient))
    jax.tree.map(np.testing.assert_array_equal, *slopes)


@pytest.mark.parametrize("steps", [3, 100])
def test_power_iteration(steps: int) -> None:
    size = 6
    gram = of("float32", size, size) @ of("float32", size, size).T
    ours, theirs = both("power_iteration", gram, num_iters=steps)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), ours, theirs)
    ours, theirs = both("power_iteration", lambda v: gram @ v, v0=jnp.ones(size), num_iters=steps)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), ours, theirs)


@pytest.mark.parametrize(("p", "size"), [(1, 2), (2, 1), (4, 6), (8, 3)])
def test_inverse_roots(p: int, size: int) -> None:
    gram = of("float32", size, size) @ of("float32", size, size).T + 0.1 * jnp.eye(size)
    (ours, error), (theirs, _) = both("matrix_inverse_pth_root", gram, p)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * jnp.abs(theirs).max())
    assert error < 1e-4


@pytest.mark.parametrize("steps", [1, 10])
def test_least_squares(steps: int) -> None:
    for b in ((6,), (6, 2)):
        for bound in (None, 50.0):
            ours, theirs = both("nnls", of("float32", 6, 4), of("float32", *b), steps, L=bound)
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bound", [0.0, 0.8, 3.0, float("inf")])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_clips_of_examples(bound: float, dtype: str) -> None:
    """Optax sums in the dtype of the gradients."""
    grads = [of(dtype, 5, 3), of(dtype, 5, 2, 4)]
    close = {"rtol": 5e-2, "atol": 5e-2} if dtype == "bfloat16" else {"rtol": 1e-5, "atol": 1e-6}
    for name, options in (
        ("per_example_global_norm_clip", ()),
        ("per_example_layer_norm_clip", (True,)),
        ("per_example_layer_norm_clip", (False,)),
    ):
        ours, theirs = both(name, grads, bound, *options)
        with permissive():
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a.astype(float), b.astype(float), **close),
                ours,
                theirs,
            )


@pytest.mark.parametrize("shape", [(), (4,), (3, 4), (2, 3, 4), (2, 2, 3, 4), (1, 2, 2, 3, 2)])
def test_clips_of_units(shape: tuple[int, ...]) -> None:
    g, bound = of("float32", *shape), 1.2
    with permissive():
        lengths = [library.unitwise_norm(g) for library in (gradtx, optax.transforms)]
        np.testing.assert_allclose(*lengths, rtol=1e-6)
        bounds = jnp.full(shape, bound)
        clipped = [library.unitwise_clip(lengths[0], bounds, g) for library in (gradtx, optax.transforms)]
    np.testing.assert_allclose(*clipped, rtol=1e-6)

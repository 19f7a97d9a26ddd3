"""Micro-batches against Optax, over random arguments."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gradtx
from tests.peers.comparison import permissive

OURS, THEIRS = gradtx.microbatching, optax.microbatching
NAMES = ("microbatch", "micro_vmap", "micro_grad", "reshape_batch_axis", "Accumulator")


@pytest.mark.parametrize("name", NAMES)
def test_it_has_optax_s_parameters(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(lib, name)).parameters for lib in (OURS, THEIRS))
    assert {n: p.kind for n, p in ours.items()} == {n: p.kind for n, p in theirs.items()}
    for parameter in set(ours) - {"accumulator", "transform_fn", "metrics_fn"}:
        assert ours[parameter].default == theirs[parameter].default
    assert [kind.name for kind in OURS.AccumulationType] == [kind.name for kind in THEIRS.AccumulationType]
    assert gradtx.microbatch is OURS.microbatch


def kinds(library: Any, *names: str) -> Any:
    return tuple(library.AccumulationType[name] for name in names)


def compared(results: Any, dtype: Any) -> None:
    close = {"rtol": 2e-2, "atol": 1e-2} if dtype == jnp.bfloat16 else {"rtol": 1e-5, "atol": 1e-6}
    with permissive():
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a.astype(float), b.astype(float), **close), *results
        )


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(
    ("shape", "axis", "size"), [((12,), 0, 4), ((2, 6), 1, 2), ((4, 8, 3), 1, 8), ((6, 2), 0, 1)]
)
@pytest.mark.parametrize("real", [None, 1])
def test_functions_of_a_batch(shape: Any, axis: int, size: int, dtype: Any, real: Any) -> None:
    x = jnp.asarray(np.random.default_rng(sum(shape)).normal(size=shape), dtype)
    compared([lib.reshape_batch_axis(x, size, axis) for lib in (OURS, THEIRS)], dtype)
    names = ("SUM", "MEAN", "RUNNING_MEAN", "CONCAT")

    def fun(x: Any) -> Any:
        rows = jnp.moveaxis(x, axis, 0)
        return jnp.sum(rows, 0), jnp.mean(rows, 0), jnp.max(x), 2 * rows

    with permissive():
        results = [
            lib.microbatch(fun, 0, size, kinds(lib, *names), in_axes=axis, num_real_microbatches=real)(x)
            for lib in (OURS, THEIRS)
        ]
    compared(results, dtype)


@pytest.mark.parametrize("size", [None, 3])
@pytest.mark.parametrize("kind", ["SUM", "MEAN", "RUNNING_MEAN", "CONCAT"])
def test_maps_and_gradients(kind: str, size: int | None) -> None:
    draw = np.random.default_rng(1)
    w, x, y = (jnp.asarray(draw.normal(size=shape), jnp.float32) for shape in ((3,), (6, 3), (6,)))

    def loss(w: Any, x: Any, y: Any) -> Any:
        return jnp.mean((x @ w - y) ** 2), jnp.sum(x)

    maps, gradients = [], []
    with permissive():
        for lib in (OURS, THEIRS):
            (own,) = kinds(lib, kind)
            mapped = lib.micro_vmap(jnp.dot, (0, None), microbatch_size=size, accumulator=own)
            maps.append(mapped(x, w))
            run = lib.micro_grad(
                loss,
                True,
                batch_argnums=(1, 2),
                microbatch_size=size,
                accumulator=own,
                transform_fn=jnp.square,
                metrics_fn=jnp.sum,
            )
            gradient, each = run(w, x, y)
            gradients.append((gradient, tuple(each)))
    compared(maps, jnp.float32)
    compared(gradients, jnp.float32)

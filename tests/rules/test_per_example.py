"""Sums of shortened gradients of single examples, against their papers in double precision."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import per_example_global_norm_clip, per_example_layer_norm_clip

DRAW = np.random.default_rng(4)
GRADS = {"w": DRAW.normal(size=(6, 3, 2)), "b": 2 * DRAW.normal(size=(6, 2)), "s": DRAW.normal(size=6)}


def arrays(size: float = 1.0, dtype: Any = jnp.float32) -> Any:
    return jax.tree.map(lambda g: jnp.asarray(size * g, dtype), GRADS)


def shortened(grads: list[np.ndarray], bound: float) -> tuple[list[np.ndarray], int]:
    """Abadi et al. (2016), algorithm 1: the sum, and the number of examples above the bound."""
    lengths = np.sqrt(sum(np.sum(g.reshape(6, -1) ** 2, 1) for g in grads))
    factors = np.minimum(1, bound / lengths)
    return [np.tensordot(factors, g, 1) for g in grads], int(np.sum(lengths > bound))


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("bound", [0.5, 3.2, 100.0])
def test_over_all_leaves(bound: float, size: float) -> None:
    total, count = per_example_global_norm_clip(arrays(size), bound * size)
    expected, longer = shortened([*GRADS.values()], bound)
    for name, want in zip(GRADS, expected, strict=True):
        np.testing.assert_allclose(total[name], size * want, rtol=2e-6, atol=1e-6 * size)
    assert (count, count.dtype) == (longer, jnp.int32)


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("bound", [1.5, 4.0])
def test_over_each_leaf(bound: float, uniform: bool) -> None:
    """McMahan et al. (2018), section 3: bounds that are equal, or as the roots of the sizes."""
    total, count = per_example_layer_norm_clip(arrays(), bound, uniform)
    shares = {"w": 1 / 3, "b": 1 / 3, "s": 1 / 3} if uniform else {"w": 6 / 9, "b": 2 / 9, "s": 1 / 9}
    for name, g in GRADS.items():
        (expected,), longer = shortened([g], bound * shares[name] ** 0.5)
        np.testing.assert_allclose(total[name], expected, rtol=2e-6, atol=1e-6)
        assert count[name] == longer
    assert 0 < sum(map(int, count.values())) < 18


@pytest.mark.parametrize("clip", [per_example_global_norm_clip, per_example_layer_norm_clip])
def test_leaves_that_are_no_gradients_and_examples_that_are_not_finite(clip: Any) -> None:
    steps = np.zeros((6,), jax.dtypes.float0)
    grads = {"w": jnp.ones((6, 2), jnp.bfloat16).at[1, 0].set(jnp.inf), "none": None, "n": steps}
    total, _ = clip(grads, 100.0)
    assert total["w"].tolist() == [5.0, 5.0]
    assert total["w"].dtype == jnp.float32
    assert total["none"] is None
    assert (total["n"].dtype, total["n"].shape) == (jax.dtypes.float0, ())
    with pytest.raises(ValueError, match=f"{clip.__name__}: every leaf must have the examples"):
        clip({"a": jnp.ones((2, 3)), "b": jnp.ones(3)}, 1.0)
    with pytest.raises(ValueError, match=f"{clip.__name__}: there are no examples"):
        clip(jnp.ones((0, 3)), 1.0)


def test_a_bound_of_zero() -> None:
    total, count = per_example_global_norm_clip(jnp.array([[0.0, 0.0], [3.0, 4.0]]), 0.0)
    assert (total.tolist(), count) == ([0.0, 0.0], 1)


@pytest.mark.exhaustive
def test_the_private_mean_is_that_of_the_sum() -> None:
    tx = gradtx.differentially_private_aggregate(1.5, 0.0)
    params = jax.tree.map(lambda g: jnp.zeros(g.shape[1:]), GRADS)
    mean, _ = tx.update(arrays(), tx.init(params), params)
    total, _ = per_example_global_norm_clip(arrays(), 1.5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(6 * a, b, rtol=1e-6), mean, total)

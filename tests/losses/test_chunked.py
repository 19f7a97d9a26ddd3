"""The cross entropy without logits: that of the logits, in much less memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import losses


def of_logits(h, w, y, **options):
    logits = jnp.matmul(h, w, preferred_element_type=jnp.float64 if h.dtype == jnp.float64 else jnp.float32)
    return losses.softmax_cross_entropy_with_integer_labels(logits, y, **options)


@pytest.mark.exhaustive
@pytest.mark.parametrize("vocabulary", [1, 7, 128, 300])
@pytest.mark.parametrize("chunk_size", [1, 64, 1000])
def test_it_is_the_cross_entropy_of_the_logits(vocabulary: int, chunk_size: int) -> None:
    """With its derivatives by both factors and by both weights."""
    random = np.random.default_rng(vocabulary)
    with jax.enable_x64(True):
        h, w = jnp.asarray(random.normal(size=(2, 5, 8))), jnp.asarray(random.normal(size=(8, vocabulary)))
        y = jnp.asarray(random.integers(0, vocabulary, (2, 5)))
        where = jnp.asarray(random.integers(0, 2, (2, 5)))

        def total(loss, *arguments, **options):
            h, w, alpha, zeta = arguments
            each = loss(h, w, y, where=where, label_smoothing=alpha, z_loss=zeta, **options)
            return jnp.sum(jnp.sin(each))

        every = (0, 1, 2, 3)
        numbers = (h, w, jnp.asarray(0.1), jnp.asarray(0.2))
        got = jax.value_and_grad(
            lambda *a: total(losses.chunked_cross_entropy, *a, chunk_size=chunk_size), every
        )(*numbers)
        expected = jax.value_and_grad(lambda *a: total(of_logits, *a), every)(*numbers)
        for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)  # numbers of float32 in both


@pytest.mark.exhaustive
def test_a_label_in_two_parts_counts_once() -> None:
    """Of 10 entries in parts of 4, the last part has two of the one before it."""
    h, w, y = jnp.ones((10, 1)), jnp.linspace(-1.0, 1.0, 10)[None], jnp.arange(10)
    got = losses.chunked_cross_entropy(h, w, y, chunk_size=4)
    np.testing.assert_allclose(got, of_logits(h, w, y), rtol=1e-6)


@pytest.mark.exhaustive
def test_more_tokens_than_a_block() -> None:
    """The last block of 512 tokens overlaps the one before it, and counts none of them twice."""
    random = np.random.default_rng(1)
    h, w = (jnp.asarray(random.normal(size=shape), jnp.float32) for shape in ((700, 4), (4, 9)))
    y = jnp.asarray(random.integers(0, 9, 700))
    got, expected = (
        jax.value_and_grad(lambda h, w, loss=loss: jnp.sum(loss(h, w, y)), (0, 1))(h, w)
        for loss in (losses.chunked_cross_entropy, of_logits)
    )
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "dtypes", [("bfloat16", "bfloat16"), ("bfloat16", "float32"), ("float32", "bfloat16")]
)
def test_in_low_precision_the_derivatives_keep_their_dtypes(dtypes: tuple[str, str]) -> None:
    random = np.random.default_rng(0)
    h = jnp.asarray(random.normal(size=(64, 32)), dtypes[0])
    w = jnp.asarray(random.normal(size=(32, 500)) / 6, dtypes[1])
    y = jnp.asarray(random.integers(0, 500, 64))
    value, (of_h, of_w) = jax.value_and_grad(
        lambda h, w: jnp.mean(losses.chunked_cross_entropy(h, w, y)), (0, 1)
    )(h, w)
    assert (value.dtype, of_h.dtype, of_w.dtype) == (jnp.float32, h.dtype, w.dtype)
    wide = h.astype(jnp.float32), w.astype(jnp.float32)
    exact, (h_exact, w_exact) = jax.value_and_grad(lambda h, w: jnp.mean(of_logits(h, w, y)), (0, 1))(*wide)
    np.testing.assert_allclose(value, exact, rtol=1e-3)
    for got, expected in ((of_h, h_exact), (of_w, w_exact)):
        error = np.linalg.norm(np.asarray(got, np.float64) - np.asarray(expected, np.float64))
        assert error < 0.01 * np.linalg.norm(np.asarray(expected, np.float64))


@pytest.mark.exhaustive
def test_large_logits_are_right() -> None:
    h, w = jnp.array([[1.0], [-1.0]]), jnp.array([[1e4, 0.0, -1e4]])
    value, slope = jax.value_and_grad(
        lambda h: jnp.sum(losses.chunked_cross_entropy(h, w, jnp.array([1, 1])))
    )(h)
    np.testing.assert_allclose(value, 2e4, rtol=1e-6)
    np.testing.assert_allclose(slope, [[1e4], [-1e4]], rtol=1e-6)


def temporaries(loss) -> int:
    tokens, vocabulary, features = 4096, 32768, 512
    arguments = (
        jax.ShapeDtypeStruct((tokens, features), jnp.bfloat16),
        jax.ShapeDtypeStruct((features, vocabulary), jnp.bfloat16),
        jax.ShapeDtypeStruct((tokens,), jnp.int32),
    )
    step = jax.jit(jax.value_and_grad(lambda h, w, y: jnp.mean(loss(h, w, y)), (0, 1)))
    return step.lower(*arguments).compile().memory_analysis().temp_size_in_bytes


@pytest.mark.exhaustive
def test_its_temporaries_are_a_twentieth_of_the_logits() -> None:
    """Forward and backward, at 4096 tokens, 32k vocabulary and 512 features in bfloat16."""
    logits = 4096 * 32768 * 2
    assert temporaries(losses.chunked_cross_entropy) <= 0.05 * logits
    assert temporaries(of_logits) > logits


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"unembedding \(features, vocabulary\), got \(4, 3\) and \(5, 3\)"):
        losses.chunked_cross_entropy(jnp.ones((4, 3)), jnp.ones((5, 3)), jnp.ones(4, int))
    with pytest.raises(ValueError, match=r"labels must have the shape \(4,\) of the tokens, got \(4, 1\)"):
        losses.chunked_cross_entropy(jnp.ones((4, 3)), jnp.ones((3, 5)), jnp.ones((4, 1), int))
    with pytest.raises(TypeError, match="labels must be integers"):
        losses.chunked_cross_entropy(jnp.ones((4, 3)), jnp.ones((3, 5)), jnp.ones(4))
    with pytest.raises(TypeError, match="unembedding must be floating-point"):
        losses.chunked_cross_entropy(jnp.ones((4, 3)), jnp.ones((3, 5), int), jnp.ones(4, int))

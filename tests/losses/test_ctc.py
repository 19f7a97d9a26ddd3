"""CTC against the sum over all alignments, one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx.losses import ctc_loss, ctc_loss_with_forward_probs
from tests.losses import reference

LABELS = [[], [1], [2, 2], [1, 2, 1], [1, 1, 1], [2, 1]]


def padded(sequences: list[list[int]], length: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.array([sequence + [-7] * (length - len(sequence)) for sequence in sequences])
    return labels, (labels == -7).astype(float)


@pytest.mark.parametrize("blank", [0, 2])
def test_it_is_the_sum_over_alignments(blank: int) -> None:
    random = np.random.default_rng(0)
    frames = np.array([5, 4, 5, 5, 4, 3])
    logits = random.normal(size=(6, 5, 3)) * 2
    sequences = [[3 - blank - label if blank == 2 else label for label in s] for s in LABELS]
    sequences = [[{1: 0, 2: 1}[label] if blank == 2 else label for label in s] for s in LABELS]
    labels, label_paddings = padded(sequences, 4)
    logit_paddings = (np.arange(5) >= frames[:, None]).astype(float)
    expected = [reference.ctc(logits[i, : frames[i]], sequences[i], blank) for i in range(6)]
    with jax.enable_x64(True):
        got = ctc_loss(jnp.asarray(logits), logit_paddings, labels, label_paddings, blank_id=blank)
        np.testing.assert_allclose(got, expected, rtol=1e-11)
    assert np.isinf(expected[4])  # three equal labels need five frames, and there are four


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_its_derivative_is_finite_and_right(scale: float) -> None:
    random = np.random.default_rng(1)
    logits = random.normal(size=(2, 6, 4)) * scale
    labels, paddings = padded([[1, 3], [2, 2, 1]], 3)

    def loss(x):
        return jnp.sum(ctc_loss(x, jnp.zeros((2, 6)), labels, paddings))

    value, slope = jax.value_and_grad(loss)(jnp.asarray(logits, jnp.float32))
    with jax.enable_x64(True):
        exact, expected = jax.value_and_grad(loss)(jnp.asarray(logits))
        moved = random.normal(size=logits.shape)
        step = 1e-6 * scale
        difference = (loss(logits + step * moved) - loss(logits - step * moved)) / (2 * step)
        np.testing.assert_allclose(np.sum(expected * moved), difference, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(value, exact, rtol=1e-5)
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.exhaustive
def test_a_sequence_that_does_not_fit_is_infinite_without_a_derivative() -> None:
    labels, paddings = padded([[1, 1], [1]], 2)
    value, slope = jax.value_and_grad(lambda x: ctc_loss(x, jnp.zeros((2, 2)), labels, paddings)[0])(
        jnp.zeros((2, 2, 3))
    )
    assert np.isposinf(value)
    assert np.isfinite(slope).all()


@pytest.mark.exhaustive
def test_padding_does_not_count() -> None:
    random = np.random.default_rng(2)
    logits = jnp.asarray(random.normal(size=(1, 6, 4)), jnp.float32)
    labels, paddings = padded([[1, 2]], 5)
    longer = jnp.concatenate([logits, jnp.full((1, 3, 4), 7.0)], 1)
    frames = jnp.array([[0.0] * 6 + [1.0] * 3])
    short = ctc_loss(logits, jnp.zeros((1, 6)), jnp.array([[1, 2]]), jnp.zeros((1, 2)))
    np.testing.assert_allclose(ctc_loss(longer, frames, labels, paddings), short, rtol=1e-6)


@pytest.mark.parametrize("label", [-1, 0, 3])
def test_a_label_that_is_no_class_or_the_blank_gives_nan(label: int) -> None:
    labels = jnp.array([[1, label], [1, 2]])
    got = ctc_loss(jnp.zeros((2, 5, 3)), jnp.zeros((2, 5)), labels, jnp.zeros((2, 2)))
    np.testing.assert_array_equal(np.isnan(got), [True, False])


@pytest.mark.exhaustive
def test_forward_probabilities_sum_to_those_of_the_prefixes() -> None:
    """After t frames, over all n: the probability that the frames begin the sequence of labels."""
    logits = jnp.zeros((1, 3, 2))
    loss, blanks, emitted = ctc_loss_with_forward_probs(
        logits, jnp.zeros((1, 3)), jnp.array([[1]]), jnp.zeros((1, 1))
    )
    assert blanks.shape == (3, 1, 2)
    assert emitted.shape == (3, 1, 1)
    np.testing.assert_allclose(jnp.exp(blanks[:, 0, 0]), [0.5, 0.25, 0.125], rtol=1e-6)
    np.testing.assert_allclose(jnp.exp(emitted[:, 0, 0]), [0.5, 0.5, 0.375], rtol=1e-6)
    np.testing.assert_allclose(jnp.exp(blanks[:2, 0, 1]), [0.0, 0.25], rtol=1e-6)
    np.testing.assert_allclose(-loss, blanks[-1, :, 1], rtol=1e-6)


@pytest.mark.exhaustive
def test_shapes_that_do_not_fit_are_named() -> None:
    x, frames, labels = jnp.zeros((2, 5, 3)), jnp.zeros((2, 5)), jnp.ones((2, 2), int)
    with pytest.raises(ValueError, match=r"labels \(batch, labels\), got \(2, 5, 3\) and \(3, 2\)"):
        ctc_loss(x, frames, jnp.ones((3, 2), int), labels)
    with pytest.raises(ValueError, match=r"logit_paddings must have the shape \(2, 5\)"):
        ctc_loss(x, frames[:, :4], labels, labels)

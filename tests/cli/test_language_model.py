from functools import partial

import jax
import numpy as np
import pytest

import gradtx
from gradtx.cli.language_model import Architecture, _attention, generate, init_params, logits, loss

SMALL = Architecture(context=12, width=16, depth=2, heads=2)
VOCABULARY = 7

predict = jax.jit(partial(logits, SMALL))


@pytest.fixture(scope="module")
def params():
    return init_params(np.random.default_rng(0), SMALL, VOCABULARY)


@pytest.fixture(scope="module")
def batch():
    return np.random.default_rng(1).integers(VOCABULARY, size=(8, SMALL.context + 1), dtype=np.int32)


@pytest.mark.parametrize("position", [0, 5, 11])
def test_a_character_changes_the_logits_from_its_own_position_on(params, batch, position):
    text, changed = batch[0, 1:].copy(), batch[0, 1:].copy()
    changed[position] = (changed[position] + 1) % VOCABULARY
    before, after = np.asarray(predict(params, text)), np.asarray(predict(params, changed))
    assert before.shape == (SMALL.context, VOCABULARY)
    np.testing.assert_array_equal(before[:position], after[:position])
    assert np.all(np.any(before[position:] != after[position:], axis=-1))


def test_attention_against_its_definition(params):
    t, heads, width = 5, SMALL.heads, SMALL.width // SMALL.heads
    block = params["blocks"][0]
    x = 3 * np.random.default_rng(2).standard_normal((t, SMALL.width))
    kernel, output = (np.asarray(block[name]["kernel"]) for name in ("query_key_value", "attention_output"))
    query, key, value = np.moveaxis((x @ kernel).reshape(t, 3, heads, width), 1, 0)
    # Pairs of features as complex numbers, which the distance between two positions turns.
    query, key = (z[..., : width // 2] + 1j * z[..., width // 2 :] for z in (query, key))
    speed = 10_000.0 ** (-np.arange(width // 2) / (width // 2))
    mixed = np.zeros((t, heads, width))
    for i in range(t):
        turn = np.exp(1j * speed * (i - np.arange(i + 1))[:, None, None])
        scores = np.sum(query[i] * key[: i + 1].conj() * turn, axis=-1).real / np.sqrt(width)
        weights = np.exp(scores) / np.sum(np.exp(scores), axis=0)
        mixed[i] = np.sum(weights[:, :, None] * value[: i + 1], axis=0)
    found = jax.jit(_attention, static_argnums=2)(block, x.astype(np.float32), heads)
    np.testing.assert_allclose(found, mixed.reshape(t, SMALL.width) @ output, rtol=1e-4, atol=1e-5)


def test_the_loss_is_the_cross_entropy_of_the_next_character(params, batch):
    probability = np.array([jax.nn.softmax(predict(params, text[:-1])) for text in batch], np.float64)
    of_the_next = np.take_along_axis(probability, batch[:, 1:, None], axis=-1)
    value = float(jax.jit(partial(loss, SMALL))(params, batch))
    assert value == pytest.approx(-np.mean(np.log(of_the_next)), rel=1e-5)
    assert value == pytest.approx(np.log(VOCABULARY), abs=0.05)  # untrained, it knows nothing


def test_weight_decay_falls_on_the_kernels(params):
    mask = gradtx.except_bias_norm_embedding(params)
    decayed = {jax.tree_util.keystr(path)[-10:] for path, on in jax.tree.leaves_with_path(mask) if on}
    spared = [jax.tree_util.keystr(path) for path, on in jax.tree.leaves_with_path(mask) if not on]
    assert decayed == {"['kernel']"}
    assert all("norm" in path or "embedding" in path for path in spared)
    assert len(spared) == 2 * SMALL.depth + 2


def test_generation_follows_the_model(params, batch):
    seen, key = batch[0, 1:], jax.random.key(0)
    draw = partial(generate, SMALL, params, seen, key, length=100)
    greedy = np.asarray(draw(temperature=1e-6))
    for drawn in greedy[:30]:
        assert drawn == np.argmax(predict(params, seen)[-1])
        seen = np.append(seen[1:], drawn)
    sample = np.asarray(draw(temperature=1.0))
    assert sample.shape == (100,)
    assert set(sample.tolist()) == set(range(VOCABULARY))  # almost uniform, before any training

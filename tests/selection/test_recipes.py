"""The ready masks, by names of Flax, Haiku, Equinox, PyTorch and GPT-2."""

import jax.numpy as jnp
import pytest

from gradtx.selection import except_bias_norm_embedding, hidden_matrices


def nested(path: str) -> dict:
    """A tree with one matrix at the path."""
    tree = jnp.ones((2, 2))
    for name in reversed(path.split("/")):
        tree = {name: tree}
    return tree


def selects(mask, path: str) -> bool:
    chosen = mask(nested(path))
    for name in path.split("/"):
        chosen = chosen[name]
    return chosen


@pytest.mark.parametrize(
    "path",
    [
        "dense/kernel",
        "normal_head/kernel",
        "denormalizer/kernel",
        "abnormal/kernel",
        "embedding_projection/kernel",
        "token_mixer/kernel",
        "mlp/up/w",
        "attention/qkv/kernel/value",
        "layers/0/lora_b",
        "lm_head/kernel",
    ],
)
def test_weights_decay(path: str) -> None:
    assert selects(except_bias_norm_embedding, path)


@pytest.mark.parametrize(
    "path",
    [
        "rms_1/w",
        "ln_f/scale",
        "ln1/w",
        "LayerNorm_0/w",
        "RMSNorm_3/w",
        "input_layernorm/weight",
        "qk_norm/w",
        "BatchNorm/w",
        "layer_normalization/w",
        "embedding",
        "embed_tokens/weight",
        "tok_embeddings/weight",
        "pos_emb",
        "posEmb2d",
        "wte",
        "wpe/embedding",
        "cls_token",
        "dense/bias",
        "dense/b",
        "attention/rel_bias",
        "norm/beta",
        "film/gamma",
        "dense/scale/value",
    ],
)
def test_biases_normalizations_and_embeddings_do_not(path: str) -> None:
    assert not selects(except_bias_norm_embedding, path)


def test_one_axis_does_not_decay() -> None:
    assert except_bias_norm_embedding({"kernel": jnp.ones(3)}) == {"kernel": False}


@pytest.mark.parametrize("path", ["mlp/kernel", "multi_head_attention/kernel", "heads_up/kernel"])
def test_hidden_matrices(path: str) -> None:
    assert selects(hidden_matrices, path)


@pytest.mark.parametrize(
    "path", ["head/kernel", "lm_head/kernel", "head_2/w", "classifier/w", "logits/w", "unembed/w", "embed/w"]
)
def test_inputs_and_outputs_are_not_hidden(path: str) -> None:
    assert not selects(hidden_matrices, path)

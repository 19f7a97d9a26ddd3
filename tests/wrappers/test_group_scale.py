"""Learning rates by group and by depth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import layerwise_decay, scale_by_group
from tests.cases import falling

DEPTH = 11


def parameters() -> dict:
    """A transformer's leaves, with two-digit block numbers."""
    block = {"attention": jnp.ones(2), "norm": jnp.ones(1)}
    return {
        "patch_embed": jnp.ones(2),
        "blocks": {str(i): dict(block) for i in range(DEPTH)},
        "norm": jnp.ones(1),
        "head": {"kernel": jnp.ones(2)},
    }


def test_the_rates_fall_by_a_constant_factor_from_the_head_to_the_embeddings() -> None:
    """BEiT: layer 0 is the embeddings, i + 1 is block i, what is left is one above, at the full rate."""
    layers = ["embed", *(f"blocks/{i}/" for i in range(DEPTH)), "head|norm"]
    params = parameters()
    tx = layerwise_decay(0.8, layers)
    updates, _ = jax.jit(tx.update)(params, tx.init(params))
    expected = {
        "patch_embed": 0.8 ** (DEPTH + 1),
        "blocks": {str(i): dict.fromkeys(("attention", "norm"), 0.8 ** (DEPTH - i)) for i in range(DEPTH)},
        "norm": 1.0,
        "head": {"kernel": 1.0},
    }
    jax.tree.map(lambda u, s: np.testing.assert_allclose(u, s, rtol=1e-6), updates, expected)


def test_a_forgotten_layer_is_named() -> None:
    with pytest.raises(ValueError, match="no pattern covers the leaf 'blocks/10/attention'"):
        layerwise_decay(0.8, ["embed", *(f"blocks/{i}/" for i in range(10)), "head|^norm"]).init(parameters())


@pytest.mark.parametrize(("decay", "error"), [(0.0, ValueError), (-1.0, ValueError), ("0.5", TypeError)])
def test_an_impossible_decay_is_refused(decay: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="layerwise_decay: decay must be"):
        layerwise_decay(decay, ["a"])


def test_decays_can_be_swept() -> None:
    sweep = jax.vmap(lambda decay: layerwise_decay(decay, ["a", "b"]))(jnp.array([0.5, 0.25]))
    params = {"a": jnp.ones(()), "b": jnp.ones(())}
    updates = jax.vmap(lambda tx: tx.update(params, tx.init(params))[0])(sweep)
    np.testing.assert_allclose(updates["a"], [0.5, 0.25])
    np.testing.assert_allclose(updates["b"], [1.0, 1.0])


def test_the_first_pattern_decides_and_a_multiplier_may_be_a_schedule() -> None:
    tx = gradtx.chain(gradtx.sgd(0.5), scale_by_group({"bias": falling, "norm": 0.0, "": 1.0}))
    params = {"norm": {"bias": 1.0, "scale": 1.0}, "w": 1.0}
    state = tx.init(params)
    history = []
    for _ in range(2):
        updates, state = tx.update(params, state)
        history.append(jax.tree.map(float, updates))
    assert history == [
        {"norm": {"bias": -0.25, "scale": 0.0}, "w": -0.5},
        {"norm": {"bias": -0.125, "scale": 0.0}, "w": -0.5},
    ]


def test_the_dtype_of_the_updates_stays() -> None:
    tx, params = scale_by_group({"": 0.5}), jnp.ones(2, jnp.bfloat16)
    assert tx.update(params, tx.init(params))[0].dtype == jnp.bfloat16

"""Finding and replacing by name: in optimizers, in states, and leaves by path."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradtx
from gradtx import chain, scale_by_adam, scale_by_learning_rate, tree
from gradtx.tree import NameLookupError

TX = chain(gradtx.clip_by_global_norm(1.0), scale_by_adam(), scale_by_learning_rate(1e-3))
PARAMS = {"w": jnp.ones(2)}


def test_replace_finds_the_one_field_of_that_name() -> None:
    assert gradtx.replace(TX, learning_rate=1e-4, b1=0.5) == chain(
        gradtx.clip_by_global_norm(1.0), scale_by_adam(b1=0.5), scale_by_learning_rate(1e-4)
    )
    with pytest.raises(ValueError, match="b1 must be"):
        gradtx.replace(TX, b1=1.5)


def test_replace_lists_what_there_is() -> None:
    with pytest.raises(
        NameLookupError,
        match=r"Nothing is called 'lr'\. Did you mean 'learning_rate'\?\nThere are: .*max_norm",
    ):
        gradtx.replace(TX, lr=1.0)
    twice = chain(scale_by_adam(), scale_by_adam())
    with pytest.raises(NameLookupError, match=r"ambiguous: it fits '.*\[0\]\.b1', '.*\[1\]\.b1'"):
        gradtx.replace(twice, b1=0.5)
    assert gradtx.replace(twice, **{"[1].b1": 0.5}) == chain(scale_by_adam(), scale_by_adam(b1=0.5))


def test_replace_reaches_into_schedules() -> None:
    tx = gradtx.sgd(2.0 * gradtx.constant_schedule(0.5))
    assert gradtx.replace(tx, **{".right.value": 0.25}) == gradtx.sgd(2.0 * gradtx.constant_schedule(0.25))


def test_a_replaced_learning_rate_does_not_retrace() -> None:
    traces = []

    @jax.jit
    def update(tx: Any, gradients: Any, state: Any) -> Any:
        traces.append(None)
        return tx.update(gradients, state)

    state = TX.init(PARAMS)
    steps = [update(gradtx.replace(TX, learning_rate=rate), PARAMS, state)[0]["w"] for rate in (0.1, 0.2)]
    np.testing.assert_allclose(2 * steps[0], steps[1], rtol=1e-6)
    assert len(traces) == 1


def test_hyperparams_are_those_of_the_next_update() -> None:
    tx = chain(TX, scale_by_adam(b1=lambda count: 0.5 + 0.1 * count.astype(float)))
    state = tx.init(PARAMS)
    _, state = tx.update(PARAMS, state)
    found = gradtx.hyperparams(tx, state)
    assert found["learning_rate"] == 1e-3
    assert found["[0][1].b1"] == 0.9
    np.testing.assert_allclose(found["[1].b1"], 0.6, rtol=1e-6)
    inside = jax.jit(lambda state: gradtx.hyperparams(tx, state)["[1].b1"])(state)
    np.testing.assert_allclose(inside, 0.6, rtol=1e-6)


def test_get_and_set_find_the_one_value_of_that_name() -> None:
    state = TX.init(PARAMS)
    np.testing.assert_array_equal(tree.get(state, "mu")["w"], [0.0, 0.0])
    changed = tree.set(state, count=jnp.int32(7), mu={"w": jnp.ones(2)})
    assert changed[1].count == 7
    np.testing.assert_array_equal(changed[1].mu["w"], [1.0, 1.0])
    assert jax.tree.structure(changed) == jax.tree.structure(state)
    assert tree.get(state, "nothing", default=None) is None


def test_get_lists_what_there_is() -> None:
    state = chain(TX, TX).init(PARAMS)
    with pytest.raises(NameLookupError, match=r"'\[0\]\[1\]\.mu', '\[1\]\[1\]\.mu'"):
        tree.get(state, "mu")
    assert tree.get(state, "[1][1].mu") is state[1][1].mu
    with pytest.raises(NameLookupError, match=r"Nothing is called 'momentum'\.\nThere are: count, mu, nu"):
        tree.get(state, "momentum")


def test_set_replaces_every_value_of_a_name_or_the_one_at_a_path() -> None:
    state = chain(TX, TX).init(PARAMS)
    assert [value for _, value in tree.get_all_with_path(tree.set(state, count=7), "count")] == [7, 7]
    changed = tree.set(state, **{"[1][1].count": 7})
    assert [int(value) for _, value in tree.get_all_with_path(changed, "count")] == [0, 7]
    with pytest.raises(NameLookupError, match="Nothing is called 'momentum'"):
        tree.set(state, momentum=7)


def test_a_filter_sees_paths_with_the_classes_of_states() -> None:
    state = chain(TX, TX).init(PARAMS)
    paths = [path for path, _ in tree.get_all_with_path(state, "count")]
    assert paths[1][-1] == tree.NamedTupleKey("ScaleByAdamState", "count")

    def in_the_second(path, value):
        return path[0].idx == 1

    assert tree.get(state, "mu", filtering=in_the_second) is state[1][1].mu
    assert tree.get(state, "ScaleByAdamState", filtering=in_the_second) is state[1][1]
    assert tree.set(state, in_the_second, count=7)[0][1].count == 0
    assert tree.get(state, "mu", None, lambda path, value: False) is None


def test_get_finds_the_state_of_a_scheduled_transformation() -> None:
    tx = scale_by_adam(b1=lambda count: 0.9)
    state = tx.init(PARAMS)
    assert tree.get(state, "mu") is state.inner.mu
    assert tree.get(state, ".inner.count") is state.inner.count


def test_get_finds_what_holds_no_leaf() -> None:
    assert tree.get(scale_by_adam().init({}), "mu") == {}


def test_patterns_must_cover_every_leaf() -> None:
    params = {"dense": {"kernel": 1.0, "bias": 0.0}, "none": None}
    mask = gradtx.by_path({"bias$": False, "kernel": True})
    assert mask(params) == {"dense": {"kernel": True, "bias": False}, "none": None}
    with pytest.raises(ValueError, match=r"no pattern covers the leaf 'dense/kernel'.*'bias'"):
        gradtx.by_path({"bias": False})(params)
    with pytest.raises(ValueError, match="not a regular expression"):
        gradtx.by_path({"(": True})
    assert mask == gradtx.by_path({"bias$": False, "kernel": True})
    assert mask != gradtx.by_path({"kernel": True, "bias$": False})


@pytest.mark.parametrize(
    "mask",
    [
        {"a": {"w": True, "b": False}, "c": True},
        {"a": {"w": True, "b": False}, "c": np.True_},
        lambda params: jax.tree.map(lambda p: p.shape != (3,), params),
        gradtx.by_path({"a/b": False, "": True}),
    ],
)
def test_masks_as_trees_functions_and_patterns(mask: Any) -> None:
    params = {"a": {"w": jnp.ones(2), "b": jnp.ones(3)}, "c": jnp.ones(())}
    tx = gradtx.add_decayed_weights(0.5, mask)
    updates, _ = jax.jit(tx.update)(jax.tree.map(jnp.zeros_like, params), tx.init(params), params)
    assert jax.tree.map(lambda u: float(u.max()), updates) == {"a": {"w": 0.5, "b": 0.0}, "c": 0.5}
    assert hash(tx) == hash(gradtx.add_decayed_weights(0.5, mask))


def test_a_mask_may_be_a_prefix_and_must_fit() -> None:
    params = {"a": {"w": jnp.ones(2), "b": jnp.ones(3)}, "c": jnp.ones(())}
    zero = jax.tree.map(jnp.zeros_like, params)
    tx = gradtx.add_decayed_weights(0.5, {"a": False, "c": True})
    updates, _ = tx.update(zero, tx.init(params), params)
    assert jax.tree.map(lambda u: float(u.max()), updates) == {"a": {"w": 0.0, "b": 0.0}, "c": 0.5}
    tx = gradtx.add_decayed_weights(0.5, {"a": False, "d": True})
    with pytest.raises(ValueError, match=r"mask has an entry at \['d'\], where the parameters have nothing"):
        tx.update(zero, tx.init(params), params)


def test_a_mask_with_nothing_where_a_parameter_stands_is_refused() -> None:
    params = {"k": jnp.ones(2)}
    tx = gradtx.add_decayed_weights(0.5, lambda params: {"k": None})
    with pytest.raises(ValueError, match=r"mask has nothing for the leaf at \['k'\]"):
        tx.update(params, tx.init(params), params)


def test_a_mask_function_sees_parameters_without_values_and_never_gradients() -> None:
    seen = []

    def by_dtype(params: Any) -> Any:
        seen.append(params)
        return jax.tree.map(lambda p: p.dtype == jnp.float32, params)

    params = {"w": jnp.ones(2), "h": jnp.ones(2, jnp.bfloat16)}
    gradients = {"w": jnp.zeros(2, jnp.bfloat16), "h": jnp.zeros(2)}
    tx = gradtx.add_decayed_weights(0.5, by_dtype)
    updates, _ = tx.update(gradients, tx.init(params), params)
    assert updates["w"].max() == 0.5
    assert updates["h"].max() == 0.0
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(seen))


def test_the_ready_made_mask_spares_biases_norms_and_embeddings() -> None:
    matrix = jax.ShapeDtypeStruct((4, 4), jnp.float32)
    layers = ["LayerNorm_0", "layer_norm", "ln_1", "ln1", "ln_f", "wte", "token_embedding", "Embed_0"]
    kept = ["kernel", "Dense_0", "attention", "w", "conv", "plan", "b", "scale"]
    mask = gradtx.except_bias_norm_embedding({name: {"weight": matrix} for name in (*layers, *kept)})
    assert {name for name, leaf in mask.items() if not leaf["weight"]} == set(layers)
    leaves = ["bias", "b", "beta", "gamma", "scale", "offset"]
    mask = gradtx.except_bias_norm_embedding({"dense": dict.fromkeys(["kernel", *leaves], matrix)})
    assert {name for name, decays in mask["dense"].items() if not decays} == set(leaves)
    vector = jax.ShapeDtypeStruct((4,), jnp.float32)
    assert gradtx.except_bias_norm_embedding({"kernel": vector}) == {"kernel": False}

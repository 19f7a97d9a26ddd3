"""Masks and partitions: the leaves of each group, the cost of the others, and the errors."""

import pickle
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.tree_util import Partial

import gradtx
from gradtx import MaskedNode, by_mask, by_path, chain, freeze, masked, partition, scale, selective_transform
from gradtx.tree import TreeMismatchError
from tests.cases import falling

PARAMS = {"dense": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}, "head": jnp.full(4, 2.0)}
GRADS = jax.tree.map(lambda p: 0.5 * p, PARAMS)
BIASES = by_path({"bias": True, ".*": False})


def record(seen: list[Any]) -> gradtx.GradientTransformation:
    """A transformation that keeps what its update is given."""

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        seen.append({"updates": updates, "params": params, **extra})
        return updates, state

    return gradtx.GradientTransformation(lambda params: (), update)


def by_rank(params: Any) -> Any:
    return jax.tree.map(lambda p: "matrix" if p.ndim > 1 else "vector", params)


def test_leaves_left_out_hold_no_memory_and_pass_unchanged() -> None:
    tx = masked(gradtx.adam(0.1), BIASES)
    state = tx.init(PARAMS)
    adam, _ = state.inner_state
    nothing = MaskedNode()
    assert jax.tree.leaves(adam.mu) == [pytest.approx(jnp.zeros(2))]
    assert adam.nu["dense"]["kernel"] == adam.nu["head"] == nothing
    updates, _ = jax.jit(tx.update)(GRADS, state)
    np.testing.assert_array_equal(updates["head"], GRADS["head"])
    np.testing.assert_array_equal(updates["dense"]["kernel"], GRADS["dense"]["kernel"])
    np.testing.assert_allclose(updates["dense"]["bias"], -0.1, rtol=1e-5)


def test_a_mask_of_none_selects_everything() -> None:
    assert jax.tree.leaves(masked(scale(2.0), None).update(1.0, masked(scale(2.0), None).init(1.0))[0]) == [
        2.0
    ]


@pytest.mark.parametrize(
    "labels",
    [
        {"dense": {"kernel": "matrix", "bias": "vector"}, "head": "vector"},
        by_rank,
        by_path({"kernel": "matrix", "": "vector"}),
        by_mask(by_path({"kernel": True, "": False}), "matrix", "vector"),
    ],
    ids=["tree", "function", "patterns", "mask"],
)
def test_labels_are_a_tree_a_function_patterns_or_a_mask(labels: Any) -> None:
    tx = partition({"vector": scale(2.0), "matrix": scale(-1.0)}, labels)
    updates, _ = jax.jit(tx.update)(GRADS, tx.init(PARAMS), PARAMS)
    assert jax.tree.map(lambda u: float(u.max()), updates) == {
        "dense": {"kernel": -0.5, "bias": 1.0},
        "head": 2.0,
    }


def test_labels_may_be_a_prefix() -> None:
    tx = partition({"a": scale(2.0), "b": scale(-1.0)}, {"dense": "b", "head": "a"})
    updates, _ = tx.update(GRADS, tx.init(PARAMS))
    assert jax.tree.map(lambda u: float(u.max()), updates) == {
        "dense": {"kernel": -0.5, "bias": -0.5},
        "head": 2.0,
    }
    whole = partition({"a": scale(2.0)}, "a")
    np.testing.assert_array_equal(whole.update(GRADS, whole.init(PARAMS))[0]["head"], 2 * GRADS["head"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"dense": "a"}, r"has nothing for the leaf at \['head'\]; give it 'a'"),
        ({"dense": "a", "head": None}, r"has nothing for the leaf at \['head'\]"),
        ({"dense": "a", "head": "c"}, r"has 'c' for the leaf at \['head'\]; it must be 'a'"),
        (lambda params: "c", r"has 'c' for the leaf"),
        (by_path({"dense": "a"}), "no pattern covers the leaf 'head'"),
    ],
    ids=["none", "nothing", "unknown", "function", "patterns"],
)
def test_a_leaf_without_a_group_is_named(labels: Any, message: str) -> None:
    for act in (
        lambda tx: tx.init(PARAMS),
        lambda tx: tx.update(GRADS, gradtx.PartitionState({"a": gradtx.MaskedState(())}), PARAMS),
    ):
        with pytest.raises(ValueError, match=message):
            act(partition({"a": scale(1.0)}, labels))


def test_what_is_no_mask_or_no_partition_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has 2 for the leaf at \['head'\]"):
        masked(scale(1.0), lambda params: {"dense": True, "head": 2}).init(PARAMS)
    with pytest.raises(TypeError, match="a dictionary from label to transformation"):
        partition([scale(1.0)], "a")
    with pytest.raises(TypeError, match=r"of one kind that can be ordered, got 1, 'a'"):
        partition({1: scale(1.0), "a": scale(1.0)}, "a")
    with pytest.raises(TypeError, match="values that can be hashed"):
        partition({"a": scale(1.0)}, {"w": jnp.ones(2)})
    tx = partition({"a": scale(1.0)}, "a")
    with pytest.raises(ValueError, match="a dictionary with the keys a"):
        tx.update(GRADS, gradtx.PartitionState({"b": ()}))
    with pytest.raises(ValueError, match=r"partition: the state must have the fields \(inner_states\)"):
        tx.update(GRADS, ())


@pytest.mark.parametrize("inner", [scale(1.0), record([])], ids=["checks", "lifted"])
def test_a_leaf_that_passes_by_is_checked_too(inner: gradtx.GradientTransformation) -> None:
    tx = masked(inner, BIASES)
    wrong = {**GRADS, "head": jnp.ones(3)}
    with pytest.raises(TreeMismatchError, match=r"\['head'\]: got shape \(3,\), expected shape \(4,\)"):
        tx.update(wrong, tx.init(PARAMS), PARAMS)


def test_a_function_sees_parameters_without_values_and_never_updates() -> None:
    """Labels by dtype: bfloat16 gradients of float32 parameters do not change the group."""
    seen = []

    def by_dtype(params: Any) -> Any:
        seen.extend(jax.tree.leaves(params))
        return jax.tree.map(lambda p: p.dtype.name, params)

    params = {"w": jnp.ones(2), "h": jnp.ones(3, jnp.bfloat16)}
    swapped = {"w": jnp.ones(2, jnp.bfloat16), "h": jnp.ones(3)}
    tx = partition({"float32": gradtx.trace(0.5), "bfloat16": scale(-1.0)}, by_dtype)
    updates, _ = jax.jit(tx.update)(swapped, tx.init(params), params)
    assert (float(updates["w"][0]), float(updates["h"][0])) == (1.0, -1.0)
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in seen)
    assert tx.needs == {"params"}
    with pytest.raises(ValueError, match=r"partition needs 'params': call update\(updates, state, params\)"):
        tx.update(swapped, tx.init(params))
    outer = chain(masked(tx, True))
    with pytest.raises(ValueError, match=r"partition in masked in chain needs 'params'"):
        outer.update(swapped, outer.init(params))


def test_paths_need_no_parameters() -> None:
    for mask in (BIASES, {"dense": False, "head": True}, True):
        assert masked(scale(1.0), mask).needs == set()
        assert selective_transform(scale(1.0), freeze_mask=mask).needs == set()
    assert masked(scale(1.0), gradtx.except_bias_norm_embedding).needs == {"params"}
    assert partition({"a": scale(1.0)}, by_mask(by_rank, "a", "b")).needs == {"params"}
    assert masked(gradtx.add_decayed_weights(0.1), True).needs == {"params"}


def test_extra_arguments_reach_every_group_and_trees_are_restricted() -> None:
    curvature = jax.tree.map(lambda p: 3 * p, PARAMS)
    extra = {"value": jnp.float32(1.5), "hessian_diagonal": curvature, "value_fn": abs, "batch": {"x": 1.0}}
    seen: list[Any] = []
    tx = chain(masked(chain(record(seen)), BIASES), partition({"a": record(seen)}, "a"))
    tx.update(GRADS, tx.init(PARAMS), PARAMS, **extra)
    restricted, whole = seen
    nothing = MaskedNode()
    for name, tree in (("updates", GRADS), ("params", PARAMS), ("hessian_diagonal", curvature)):
        expected = {"dense": {"kernel": nothing, "bias": tree["dense"]["bias"]}, "head": nothing}
        assert jax.tree.structure(restricted[name]) == jax.tree.structure(expected)
        np.testing.assert_array_equal(restricted[name]["dense"]["bias"], tree["dense"]["bias"])
        assert jax.tree.structure(whole[name]) == jax.tree.structure(tree)
    for name in ("value", "batch"):
        assert restricted[name] is whole[name] is extra[name]
    assert restricted["value_fn"](-2.0) == whole["value_fn"](-2.0) == 2.0  # of no parameters: as it is


def test_extra_trees_can_be_left_whole_and_a_lone_array_is() -> None:
    seen: list[Any] = []
    tx = masked(record(seen), BIASES, mask_compatible_extra_args=False)
    assert repr(tx).endswith(" mask_compatible_extra_args=False)")  # in the order of the constructor
    tx.update(GRADS, tx.init(PARAMS), grad=GRADS)
    assert seen[0]["grad"] is GRADS
    lone = masked(record(seen), False)
    lone.update(jnp.ones(()), lone.init(jnp.ones(())), value=(value := jnp.ones(())))
    assert seen[1]["value"] is value
    both = partition({"a": record(seen)}, "a", mask_compatible_extra_args=False)
    assert repr(both).endswith("'a', mask_compatible_extra_args=False)")


def test_functions_of_the_parameters_become_functions_of_a_group() -> None:
    params = {"a": jnp.array([1.0, 2.0]), "b": {"c": jnp.array([3.0])}}

    def loss(params: Any, factor: float = 1.0) -> Any:
        return factor * jnp.sum(params["a"] ** 2 * params["b"]["c"] ** 2)

    parts = {"curved": gradtx.hutchinson_estimator_diag_hessian(), "sharp": gradtx.sam(scale(1.0), rho=0.5)}
    tx = partition(parts, {"a": "curved", "b": "sharp"})
    gradients = jax.grad(loss)(params)
    state = tx.init(params)
    for bind in (lambda f: f, Partial):
        extra = {"obj_fn": bind(loss), "grad_fn": bind(jax.grad(loss))}
        updates, _ = tx.update(gradients, state, params, **extra)
        np.testing.assert_allclose(updates["a"], [18.0, 18.0])  # the second derivative is 2 c^2
        np.testing.assert_allclose(updates["b"]["c"], [35.0])  # 2 c |a|^2 where c is 3.5, and a as it is
    seen: list[Any] = []
    plain = masked(record(seen), {"a": True, "b": False}, mask_compatible_extra_args=False)
    plain.update(gradients, plain.init(params), params, obj_fn=loss)
    assert seen[0]["obj_fn"] is loss
    tx, own = masked(record(seen), {"a": True, "b": False}), {"a": params["a"], "b": {"c": MaskedNode()}}
    tx.update(gradients, tx.init(params), params, grad_fn=jax.grad(loss))
    assert jax.tree.structure(seen[1]["grad_fn"](own)) == jax.tree.structure(own)


def test_an_update_of_none_may_stand_for_a_subtree() -> None:
    """As in gradients that Equinox filters; the mask may say more than the updates have, or less."""
    tx = partition(
        {"a": gradtx.trace(0.9), "b": scale(2.0)}, {"dense": {"kernel": "a", "bias": "b"}, "head": "b"}
    )
    grads = {"dense": None, "head": GRADS["head"]}
    state = tx.init(PARAMS)
    for params in (None, PARAMS):
        updates, after = tx.update(grads, state, params)
        assert updates["dense"] is None
        np.testing.assert_array_equal(updates["head"], 2 * GRADS["head"])
        assert jax.tree.structure(after) == jax.tree.structure(state)


def test_integers_stay_where_they_are_in_any_group() -> None:
    params = {"steps": jnp.arange(3), "w": jnp.ones(2)}
    grads = {"steps": np.zeros(3, jax.dtypes.float0), "w": jnp.ones(2)}
    tx = partition({"a": gradtx.adam(0.1), "b": gradtx.set_to_zero()}, {"steps": "a", "w": "b"})
    updates, _ = tx.update(grads, tx.init(params), params)
    moved = gradtx.apply_updates(params, updates)
    assert jax.tree.map(lambda p: p.tolist(), moved) == {"steps": [0, 1, 2], "w": [1.0, 1.0]}


def test_partitions_nest() -> None:
    inner = partition({"x": scale(3.0), "y": scale(5.0)}, by_path({"kernel": "x", "bias": "y"}))
    tx = partition(
        {"a": inner, "b": masked(scale(7.0), {"dense": False, "head": True})}, {"dense": "a", "head": "b"}
    )
    updates, _ = jax.jit(tx.update)(PARAMS, tx.init(PARAMS), PARAMS)
    assert jax.tree.map(lambda u: float(u.max()), updates) == {
        "dense": {"kernel": 3.0, "bias": 5.0},
        "head": 14.0,
    }


def test_frozen_leaves_have_zero_updates_no_state_and_no_weight_decay() -> None:
    tx = selective_transform(gradtx.adamw(0.1, weight_decay=0.5), freeze_mask={"dense": True, "head": False})
    state = tx.init(PARAMS)
    assert set(state.inner_states) == {"train", "freeze"}
    assert jax.tree.leaves(state.inner_states["freeze"]) == []
    assert [leaf.shape for leaf in jax.tree.leaves(gradtx.tree.get(state, "mu"))] == [(4,)]
    updates, _ = tx.update(
        jax.tree.map(lambda g: g * jnp.nan, GRADS) | {"head": GRADS["head"]}, state, PARAMS
    )
    np.testing.assert_array_equal(updates["dense"]["kernel"], 0.0)
    np.testing.assert_allclose(updates["head"], -0.1 * (1 + 0.5 * 2.0), rtol=1e-5)
    spoilt = freeze({"dense": True, "head": False})
    updates, _ = spoilt.update({**GRADS, "dense": {"kernel": jnp.inf, "bias": jnp.nan}}, spoilt.init(PARAMS))
    assert updates["dense"] == {"kernel": 0.0, "bias": 0.0}
    assert updates["head"] is GRADS["head"]


@pytest.mark.parametrize(
    "wrap", [freeze, lambda mask: selective_transform(gradtx.sgd(0.1), freeze_mask=mask)]
)
def test_the_gradients_of_frozen_leaves_are_not_computed(wrap: Any) -> None:
    """The step has 3 matrix products where the lower layer is frozen, and 4 where both train."""

    def products(mask: Any) -> int:
        tx = wrap(mask)

        def step(params: Any, x: jax.Array) -> Any:
            grads = jax.grad(lambda p: jnp.sum(jnp.tanh(x @ p["low"]) @ p["high"]))(params)
            return gradtx.apply_updates(params, tx.update(grads, tx.init(params), params)[0])

        weights = {"low": jnp.ones((16, 16)), "high": jnp.ones((16, 16))}
        compiled = jax.jit(step).lower(weights, jnp.ones((16, 16))).compile()
        return round(compiled.cost_analysis()["flops"] / (2 * 16**3))

    assert products({"low": False, "high": False}) - products({"low": True, "high": False}) == 2


def test_values_compare_print_and_pickle_by_their_labels() -> None:
    tx = partition({"a": scale(1.0)}, {"w": "a"})
    assert repr(tx) == "partition({'a': scale(step_size=1.0)}, {'w': 'a'})"
    assert tx != partition({"a": scale(1.0)}, {"v": "a"})
    assert tx != partition({"b": scale(1.0)}, {"w": "a"})
    labels = by_mask({"w": True}, 1, 0)
    assert repr(labels) == "by_mask({'w': True}, 1, 0)"
    assert labels == pickle.loads(pickle.dumps(labels))
    assert hash(labels) == hash(by_mask({"w": True}, 1, 0))
    assert labels not in (by_mask({"w": False}, 1, 0), by_mask({"w": True}, 2, 0), by_mask({"w": True}, 1, 2))


def test_hyperparameters_are_read_and_replaced_by_group() -> None:
    tx = partition({"a": gradtx.sgd(falling), "b": gradtx.sgd(0.2)}, {"dense": "a", "head": "b"})
    _, state = tx.update(GRADS, tx.init(PARAMS))
    read = gradtx.hyperparams(tx, state)
    assert {name: float(value) for name, value in read.items()} == pytest.approx(
        {"['a'][1].learning_rate": 0.25, "['b'][1].learning_rate": 0.2}
    )
    other = gradtx.replace(tx, **{".transformations[1].transformations[1].learning_rate": 0.4})
    np.testing.assert_allclose(other.update(GRADS, state)[0]["head"], -0.4 * GRADS["head"])


@pytest.mark.exhaustive
def test_a_flax_nnx_state_and_an_equinox_model_can_be_partitioned() -> None:
    state = nnx.state(nnx.Linear(2, 3, rngs=nnx.Rngs(0)), nnx.Param)
    model = equinox.nn.Linear(2, 3, key=jax.random.key(0))
    for params in (state, equinox.filter(model, equinox.is_array)):
        ones = jax.tree.map(jnp.ones_like, params)
        tx = partition({"b": scale(0.0), "w": gradtx.sgd(1.0, momentum=0.9)}, by_path({"bias": "b", "": "w"}))
        labelled_by_tree = partition(
            {"b": scale(0.0), "w": gradtx.sgd(1.0, momentum=0.9)},
            jax.tree.map(lambda p: "w" if p.ndim > 1 else "b", params),
        )
        for each in (tx, labelled_by_tree):
            updates, after = jax.jit(each.update)(ones, each.init(params), params)
            assert {(leaf.shape, float(leaf.min())) for leaf in jax.tree.leaves(updates)} == {
                ((3,), 0.0),
                ((2, 3) if params is state else (3, 2), -1.0),
            }
            assert sum(leaf.size for leaf in jax.tree.leaves(after)) == 6


def test_a_partitioned_step_keeps_no_copy() -> None:
    """Norms leave partial sums alone: as without the partition."""
    params = {f"layer {i}": {"kernel": jnp.zeros((256, 256)), "bias": jnp.zeros(256)} for i in range(8)}
    shapes = jax.eval_shape(lambda: params)
    matrices = chain(gradtx.clip_by_global_norm(1.0), gradtx.adamw(1e-3, weight_decay=0.1))
    tx = partition({"matrix": matrices, "vector": gradtx.adam(1e-3)}, by_rank)

    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = tx.update(grads, state, params)
        return gradtx.apply_updates(params, updates), state

    state = jax.eval_shape(tx.init, shapes)
    compiled = jax.jit(step, donate_argnums=(0, 1)).lower(shapes, state, shapes).compile()
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    assert compiled.memory_analysis().temp_size_in_bytes < 0.01 * size
    assert "f32[256,256]{1,0} copy(" not in compiled.as_text()

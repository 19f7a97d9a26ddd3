"""Choosing leaves: every way answers alike to the same labels and to the same mistakes."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import gradtx
from tests.cases import CASES, extra_arguments, half_square

PARAMS = {"dense": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones((2, 1))}, "head": jnp.full((2, 2), 2.0)}


def dimension_numbers(chosen: Any) -> Any:
    """Labels of another kind: both are dimension numbers of a matrix, and anything else stays as it is."""
    return {True: "in out", False: "out in"}[chosen] if isinstance(chosen, bool) else chosen


def as_is(chosen: Any) -> Any:
    return chosen


def group(chosen: Any) -> Any:
    return {True: "a", False: "b"}[chosen] if isinstance(chosen, bool) else chosen


GROUPS = {"a": gradtx.scale(2.0), "b": gradtx.scale(3.0)}

# By name: the label for each choice, and the transformation with these labels.
WAYS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "add_decayed_weights": (as_is, lambda mask: gradtx.add_decayed_weights(0.5, mask)),
    "scale_by_trust_ratio": (as_is, lambda mask: gradtx.scale_by_trust_ratio(mask=mask)),
    "scale_by_lamb, decay": (as_is, lambda mask: gradtx.scale_by_lamb(mask=mask)),
    "scale_by_lamb, ratio": (as_is, lambda mask: gradtx.scale_by_lamb(trust_ratio_mask=mask)),
    "scale_by_lars": (as_is, lambda mask: gradtx.scale_by_lars(weight_decay_mask=mask)),
    "scale_by_prodigy": (as_is, lambda mask: gradtx.scale_by_prodigy(weight_decay_mask=mask)),
    "adamw": (as_is, lambda mask: gradtx.adamw(0.1, mask=mask)),
    "masked": (as_is, lambda mask: gradtx.masked(gradtx.scale(2.0), mask)),
    "freeze": (as_is, gradtx.freeze),
    "selective_transform": (
        as_is,
        lambda mask: gradtx.selective_transform(gradtx.scale(2.0), freeze_mask=mask),
    ),
    "by_mask": (as_is, lambda mask: gradtx.partition(GROUPS, gradtx.by_mask(mask, "a", "b"))),
    "partition": (group, lambda labels: gradtx.partition(GROUPS, labels)),
    "orthogonalize": (
        dimension_numbers,
        lambda numbers: gradtx.orthogonalize(weight_dimension_numbers=numbers),
    ),
    "scale_by_muon": (
        dimension_numbers,
        lambda numbers: gradtx.scale_by_muon(weight_dimension_numbers=numbers),
    ),
}
every_way = pytest.mark.parametrize("way", WAYS)
ALLOWED = r"must be|give it|no matrix"

MISTAKES = {
    "a misspelt key": (
        {"dense": {"kernle": True, "bias": True}, "head": False},
        r"has an entry at \['dense'\]\['kernle'\], where the parameters have nothing\.\n"
        r"Is it \['dense'\]\['kernel'\]\?",
    ),
    "a key too many": (
        {"dense": True, "head": False, "tail": True},
        r"has an entry at \['tail'\], where the parameters have nothing",
    ),
    "a leaf below a leaf": (
        {"dense": True, "head": {"kernel": True}},
        r"has an entry at \['head'\]\['kernel'\], where the parameters have nothing",
    ),
    "a leaf without a label": ({"dense": True}, r"has nothing for the leaf at \['head'\]"),
    "nothing for a leaf": ({"dense": True, "head": None}, r"has nothing for the leaf at \['head'\]"),
    "a number for a boolean": (
        {"dense": True, "head": 1},
        r"has 1 for the leaf at \['head'\]; it must be|the axes of a matrix are names.*got 1",
    ),
}


def run(tx: Any, params: Any) -> Any:
    extra = extra_arguments(tx, params)
    return tx.update(params, tx.init(params), params, **extra)[0]


def labelled(way: str, tree: Any) -> Any:
    label, _ = WAYS[way]
    return jax.tree.map(label, tree, is_leaf=lambda leaf: leaf is None)


@pytest.mark.parametrize("as_function", [False, True], ids=["tree", "function"])
@pytest.mark.parametrize("mistake", MISTAKES)
@every_way
def test_a_mistake_has_one_answer(way: str, mistake: str, as_function: bool) -> None:
    tree, message = MISTAKES[mistake]
    labels = labelled(way, tree)

    def traced() -> Any:  # an error before any arithmetic
        tx = WAYS[way][1]((lambda params: labels) if as_function else labels)
        return jax.eval_shape(lambda params: run(tx, params), PARAMS)

    with pytest.raises((ValueError, TypeError), match=message):
        traced()


def assert_equal(one: Any, other: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, jax.tree.leaves(one), jax.tree.leaves(other))


RIGHT = {"dense": {"kernel": True, "bias": False}, "head": True}


@every_way
def test_a_function_patterns_and_a_prefix_are_as_good_as_a_tree(way: str) -> None:
    make = WAYS[way][1]
    label = WAYS[way][0]
    expected = run(make(labelled(way, RIGHT)), PARAMS)
    assert_equal(run(make(lambda params: labelled(way, RIGHT)), PARAMS), expected)
    assert_equal(run(make(gradtx.by_path({"bias": label(False), "": label(True)})), PARAMS), expected)
    prefix = {"dense": label(False), "head": label(True)}
    whole = {"dense": {"kernel": False, "bias": False}, "head": True}
    assert_equal(run(make(prefix), PARAMS), run(make(labelled(way, whole)), PARAMS))


@every_way
def test_a_tuple_serves_where_the_parameters_have_a_list_and_numpy_booleans_serve(way: str) -> None:
    make, params = WAYS[way][1], [PARAMS["head"], PARAMS["dense"]["kernel"]]
    expected = run(make(labelled(way, [True, False])), params)
    assert_equal(run(make(labelled(way, (True, False))), params), expected)
    if WAYS[way][0] is as_is:
        assert_equal(run(make([np.True_, np.False_]), params), expected)


@every_way
def test_labels_in_an_nnx_state(way: str) -> None:
    make, state = WAYS[way][1], nnx.state(nnx.Linear(3, 2, rngs=nnx.Rngs(0)))
    state = jax.tree.map(lambda leaf: leaf.reshape(-1, 2), state)
    labels = jax.tree.map(lambda leaf: WAYS[way][0](leaf.shape[0] > 1), state)
    by_name = {"kernel": WAYS[way][0](True), "bias": WAYS[way][0](False)}
    expected = run(make(by_name), {"kernel": state["kernel"][...], "bias": state["bias"][...]})
    assert_equal(jax.tree.leaves(run(make(labels), state)), [expected["bias"], expected["kernel"]])


@pytest.mark.parametrize("name", CASES)
def test_a_whole_equinox_model_is_legal_where_its_functions_have_no_gradient(name: str) -> None:
    tx = CASES[name]
    if tx.check != "shapes":
        pytest.skip("takes gradients of another shape")
    model = eqx.nn.MLP(2, 2, 4, 1, key=jax.random.key(0))
    arrays, functions = eqx.partition(model, eqx.is_inexact_array)
    gradients = jax.tree.map(lambda leaf: 0.1 * leaf, arrays)
    needed = extra_arguments(tx, arrays)
    if "grad_fn" in needed:  # a user's function takes the whole model
        needed["grad_fn"] = lambda params: jax.grad(half_square)(eqx.filter(params, eqx.is_inexact_array))

    def step(params: Any) -> Any:
        return jax.eval_shape(
            lambda gradients, state: tx.update(gradients, state, params, **needed), gradients, tx.init(arrays)
        )

    expected, got = step(arrays), step(eqx.combine(arrays, functions))
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    assert jax.tree.map(str, jax.tree.leaves(got)) == jax.tree.map(str, jax.tree.leaves(expected))

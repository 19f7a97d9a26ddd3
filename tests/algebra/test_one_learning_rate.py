"""Optimizers with two groups of leaves equal a partition into two whole optimizers, at one rate or at two."""

from typing import Any

import jax
import numpy as np
import pytest

import gradtx
from gradtx import (
    GradientTransformation,
    adamw,
    add_decayed_weights,
    by_mask,
    chain,
    ema,
    graft,
    lion,
    normalize_neurons,
    partition,
    replace,
    scale_by_adam,
    scale_by_learning_rate,
    scale_by_mars,
    scale_by_matrix_shape,
    scale_by_muon,
    scale_by_shampoo,
    scale_by_soap,
)
from gradtx.tree import NameLookupError
from tests.trajectories import gradients, parameters, rate, trajectory

SHAPES = {"up/kernel": (3, 4), "down/kernel": (4, 3), "bias": (4,), "embedding": (5, 3), "gain": ()}
EPS, DECAY, RATE, OTHER = 1e-3, 0.2, 0.03, 0.05
DECAYS = {name: name.startswith("up") for name in SHAPES}
OPTIONS = {"eps": EPS, "weight_decay": DECAY}

MATRICES: dict[str, list[GradientTransformation]] = {
    "muon": [scale_by_muon(eps=EPS), scale_by_matrix_shape()],
    "normuon": [
        scale_by_muon(eps=EPS),
        normalize_neurons(0.95, EPS, keep_norm=False),
        scale_by_matrix_shape("match_rms_adamw"),
    ],
    "shampoo": [graft(scale_by_adam(0.0, eps=EPS), scale_by_shampoo(0.999, update_interval=10)), ema(0.9)],
    "soap": [scale_by_soap(eps=EPS)],
    "mars": [scale_by_mars(eps=EPS)],
}
MASK = {"mars": "mask"}
"""The name of the argument that says which matrices decay, `weight_decay_mask` in the others."""


def optimizer(name: str, learning_rate: Any, **options: Any) -> GradientTransformation:
    mask = {MASK.get(name, "weight_decay_mask"): DECAYS}
    return getattr(gradtx, name)(learning_rate, **OPTIONS, **mask, **options)


def two_optimizers(name: str, learning_rate: Any, rest: GradientTransformation) -> GradientTransformation:
    """The partition into two whole optimizers: the form of Optax."""
    matrices = chain(
        *MATRICES[name], add_decayed_weights(DECAY, DECAYS), scale_by_learning_rate(learning_rate)
    )
    masks = {"mars": gradtx.at_least_two_axes, "muon": gradtx.hidden_two_axes}
    mask = masks.get(name, gradtx.hidden_matrices)
    return partition({name: matrices, "adam": rest}, by_mask(mask, name, "adam"))


def adam(name: str, learning_rate: Any) -> GradientTransformation:
    """The default optimizer of the other leaves."""
    b2, nesterov = 0.95 if name == "mars" else 0.999, name == "muon"
    return adamw(learning_rate, b2=b2, eps=EPS, weight_decay=0.0, nesterov=nesterov)


def assert_same_updates(one: Any, other: Any, dtype: str = "float32") -> None:
    params, steps = parameters(dtype, SHAPES), gradients(dtype, 6, SHAPES)
    left, right = (trajectory(tx, params, steps)[0] for tx in (one, other))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8), left, right)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("learning_rate", [RATE, rate], ids=["constant", "scheduled"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_one_rate_after_the_partition_equals_the_same_rate_in_each_group(name, learning_rate, dtype):
    one = optimizer(name, learning_rate)
    assert isinstance(one, chain)
    assert one.transformations[1] == scale_by_learning_rate(learning_rate)
    assert_same_updates(one, two_optimizers(name, learning_rate, adam(name, learning_rate)), dtype)


@pytest.mark.parametrize("name", MATRICES)
def test_a_constant_rate_leaves_the_arrays_of_the_state_in_their_order(name):
    """A state of the other form is converted by `jax.tree.unflatten`."""
    params, steps = parameters(shapes=SHAPES), gradients(shapes=SHAPES, steps=3)
    one = trajectory(optimizer(name, RATE), params, steps)[2]
    two = trajectory(two_optimizers(name, RATE, adam(name, RATE)), params, steps)[2]
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MATRICES)
def test_one_rate_is_replaced_by_name(name):
    assert replace(optimizer(name, RATE), learning_rate=OTHER) == optimizer(name, OTHER)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("rest", [lion(OTHER), adamw(rate, b2=0.9, mask=DECAYS)], ids=["lion", "adamw"])
def test_the_rest_has_the_optimizer_that_is_passed(name, rest):
    assert optimizer(name, rate, rest=rest) == two_optimizers(name, rate, rest)


@pytest.mark.parametrize("name", MATRICES)
def test_two_rates_are_not_replaced_at_once(name):
    tx = optimizer(name, RATE, rest=lion(OTHER))
    with pytest.raises(NameLookupError) as error:
        replace(tx, learning_rate=0.1)
    last = len(MATRICES[name]) + 1
    for path in (f".transformations[0].transformations[{last}]", ".transformations[1].transformations[2]"):
        assert f"{path}.learning_rate" in str(error.value)


@pytest.mark.exhaustive
def test_muon_has_the_arguments_of_optax_too():
    tx = optimizer("muon", RATE, adam_b1=0.8, adam_b2=0.9, adam_eps_root=1e-3, adam_weight_decay=0.1)
    rest = adamw(RATE, 0.8, 0.9, EPS, 1e-3, weight_decay=0.1, nesterov=True)
    assert replace(tx, learning_rate=OTHER) != tx
    assert_same_updates(tx, two_optimizers("muon", RATE, rest))
    with_two_rates = optimizer("muon", RATE, adam_learning_rate=rate)
    assert with_two_rates == two_optimizers("muon", RATE, adam("muon", rate))


def test_muon_refuses_both_ways_to_choose_the_optimizer_of_the_rest():
    with pytest.raises(
        ValueError, match=r"muon: `rest` is .* of adam_b2, adam_learning_rate. Give one or the other"
    ):
        gradtx.muon(RATE, adam_b2=0.9, adam_learning_rate=OTHER, rest=adamw(OTHER))


def test_the_rest_of_an_injected_optimizer_keeps_its_own_numbers():
    tx = gradtx.inject_hyperparams(gradtx.muon)(RATE, rest=adamw(OTHER))
    state: Any = tx.init(parameters(shapes=SHAPES))
    assert state.hyperparams["learning_rate"] == np.float32(RATE)
    assert "adam_b1" not in state.hyperparams

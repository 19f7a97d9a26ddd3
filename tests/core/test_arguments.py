"""Arguments of an update that cannot be meant: no gradients, nothing that moves, arrays that are gone."""

import warnings

import jax
import jax.numpy as jnp
import pytest

import gradtx
from gradtx.tree import MaskedNode

PARAMS = {"w": jnp.ones(2), "b": jnp.ones(1)}


def test_nothing_but_none_warns_once() -> None:
    tx = gradtx.adam(0.1)
    nothing = {"w": None, "b": None}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            tx.update(nothing, tx.init(PARAMS), PARAMS)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("updates", "params"),
    [
        ({"w": jnp.ones(2), "b": None}, PARAMS),
        ({"w": MaskedNode(), "b": MaskedNode()}, PARAMS),
        ({"w": None}, {"w": None}),
        ({"w": None}, {"w": jnp.arange(2)}),
        ({}, {}),
        ({"w": jnp.ones(2), "n": jnp.arange(2)}, {"w": jnp.ones(2), "n": jnp.arange(2)}),
    ],
    ids=["one None", "masked", "frozen", "integers without gradients", "empty", "an integer among floats"],
)
def test_a_legal_tree_says_nothing(updates: object, params: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tx = gradtx.adamw(0.1)
        tx.update(updates, tx.init(params), params)


def test_nested_transformations_warn_of_nothing() -> None:
    tx = gradtx.partition({"a": gradtx.adam(0.1), "b": gradtx.sgd(0.1)}, {"w": "a", "b": "b"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tx.update({"w": None, "b": jnp.ones(1)}, tx.init(PARAMS), PARAMS)


def test_a_donated_array_is_named() -> None:
    tx = gradtx.adamw(0.1)
    step = jax.jit(lambda p: jax.tree.map(lambda x: x + 1, p), donate_argnums=0)
    params = jax.tree.map(jnp.copy, PARAMS)
    state = tx.init(params)
    step(params)
    with pytest.raises(RuntimeError, match=r"^update: the array params\['b'\] was donated"):
        tx.update(PARAMS, state, params)
    with pytest.raises(RuntimeError, match=r"^Stepper: the array gradients\['b'\] was donated"):
        gradtx.Stepper(tx)(PARAMS, state, gradients=params)


def test_another_error_stays_itself() -> None:
    def fails(updates: object, state: object, params: object = None) -> None:
        raise RuntimeError("the disk is full")

    tx = gradtx.GradientTransformation(lambda params: (), fails)  # pyright: ignore
    with pytest.raises(RuntimeError, match="the disk is full"):
        tx.update(PARAMS, ())
    with pytest.raises(RuntimeError, match="the disk is full"):
        gradtx.Stepper(tx)(PARAMS, (), gradients=PARAMS)


def test_a_mask_function_that_fails_says_which_mask_it_is() -> None:
    def mask(params: object) -> object:
        raise KeyError("kernel")

    with pytest.raises(KeyError) as error:
        gradtx.masked(gradtx.adam(0.1), mask).init(PARAMS)
    assert "which is masked: mask" in "".join(error.value.__notes__)

"""Derivatives through training: finite for a dead unit, for gradients of zero, and by every number."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import tree_flatten_with_path

import gradtx
from gradtx import GradientTransformation
from gradtx.tree import entry_name
from tests.cases import CASES, as_taken, extra_arguments, make_gradients, make_matrix_and_vector

pytestmark = pytest.mark.exhaustive

every_case = pytest.mark.parametrize("name", CASES)


def numbers_of(tx: GradientTransformation) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(tx) if jnp.issubdtype(jnp.result_type(leaf), jnp.floating)]


def dead_unit(gradients: Any) -> Any:
    """Gradients of a layer, of which one output has none."""
    return {"kernel": gradients["kernel"].at[:, 1].set(0.0), "bias": gradients["bias"].at[1].set(0.0)}


def trained(tx: GradientTransformation, sequence: list[Any], params: Any) -> Any:
    state = tx.init(params)
    for gradients in sequence:
        updates, state = tx.update(as_taken(tx, gradients), state, params, **extra_arguments(tx, params))
        params = gradtx.apply_updates(params, updates)
    return params


@every_case
def test_a_dead_unit_has_a_finite_derivative(name: str) -> None:
    """Of the trained parameters, by every number of the optimizer and by every gradient."""
    tx, params = CASES[name], make_matrix_and_vector(jnp.float32)
    if not numbers_of(tx):
        pytest.skip("has no numbers")
    ordinary = [make_gradients(params, index) for index in range(2)]
    zero = [jax.tree.map(jnp.zeros_like, params)]
    for sequence in (list(map(dead_unit, ordinary)), zero):

        def sum_after(tx: Any, sequence: Any) -> Any:
            return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(trained(tx, sequence, params)))

        with jax.disable_jit():
            slopes = jax.grad(sum_after, argnums=(0, 1))(tx, sequence)
        for leaf in jax.tree.leaves(slopes):
            assert np.isfinite(np.asarray(leaf)).all()


RATES_AND_DECAYS = ("learning_rate", "step_size", "b1", "b2", "b3", "decay", "rho", "beta", "weight_decay")


@pytest.mark.parametrize("name", gradtx.optimizers.__all__)
def test_the_derivative_by_rates_and_decays_is_that_of_differences(name: str) -> None:
    """In float64, along a random direction in which each number moves by a part of its distance to 0 and 1.

    Rounding to 16 bits is not smooth, nor is a count of steps; `eps` is too close to its bound of 0.
    """
    tx, random = CASES[name], np.random.default_rng(len(name))
    with jax.enable_x64(True), jax.disable_jit():
        params = make_matrix_and_vector(jnp.float64)
        sequence = [jax.tree.map(lambda g: g.astype(float), make_gradients(params, i)) for i in range(3)]
        if any(leaf.dtype.itemsize == 2 for leaf in jax.tree.leaves(tx.init(params))):
            pytest.skip("has state in 16 bits")
        entries, treedef = tree_flatten_with_path(tx)
        moves = [
            random.uniform(-1.0, 1.0) * min(abs(float(leaf)), abs(1.0 - float(leaf)))
            if entry_name(path[-1]) in RATES_AND_DECAYS
            else 0.0
            for path, leaf in entries
        ]
        assert any(moves)

        def moved(by: Any) -> Any:
            numbers = [
                float(leaf) + by * move if move else leaf
                for (_, leaf), move in zip(entries, moves, strict=True)
            ]
            after = trained(treedef.unflatten(numbers), sequence, params)
            return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(after))

        slope = float(jax.jvp(moved, (0.0,), (1.0,))[1])
        step = 1e-4
        difference = float(moved(step) - moved(-step)) / (2 * step)
    assert abs(slope - difference) <= 1e-5 * abs(difference)


BRANCHING = {
    name: CASES[name] for name in ("scale_by_soap", "scale_by_shampoo", "scale_by_sophia", "guard")
} | {"accumulate": gradtx.accumulate(gradtx.sgd(0.1), 2)}
"""Transformations with a condition in the compiled program."""


@pytest.mark.parametrize("name", BRANCHING)
def test_all_orders_of_vmap_and_derivative_agree(name: str) -> None:
    """By a factor of every number of the optimizer: `grad`, `vmap(grad)`, `grad(vmap)` and `jvp`."""
    params = make_matrix_and_vector(jnp.float32)
    sequence = [make_gradients(params, index) for index in range(2)]

    def sum_after(factor: Any) -> Any:
        tx = jax.tree.map(lambda number: number * factor, BRANCHING[name])
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(trained(tx, sequence, params)))

    @jax.jit
    def slopes(factors: Any) -> Any:
        each = jnp.stack([jax.grad(sum_after)(factor) for factor in factors])
        forward = jnp.stack([jax.jvp(sum_after, (factor,), (jnp.ones(()),))[1] for factor in factors])
        of_the_sum = jax.grad(lambda factors: jnp.sum(jax.vmap(sum_after)(factors)))(factors)
        return each, forward, jax.vmap(jax.grad(sum_after))(factors), of_the_sum

    each, *others = slopes(jnp.array([0.9, 0.95]))
    assert np.all(np.abs(each) > 1e-4)
    for other in others:
        np.testing.assert_allclose(other, each, rtol=1e-3)

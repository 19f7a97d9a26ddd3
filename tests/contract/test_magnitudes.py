"""Gradients of any magnitude: what they make is finite, and a spike stays in its element."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import GradientTransformation
from gradtx.core import all_in
from tests.cases import CASES, make_gradients, make_matrix_and_vector, make_params
from tests.contract.test_contract import compiled, every_case_and_dtype, one_by_one, step

pytestmark = pytest.mark.exhaustive


def with_spike(gradients: Any, random: np.random.Generator, magnitude: float) -> Any:
    """`gradients` with one element, or one whole leaf, of this magnitude."""
    leaves, treedef = jax.tree.flatten(gradients)
    places = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.inexact) and leaf.size]
    place = int(random.choice(places))
    leaf = np.array(leaves[place], np.float64)
    where = ... if random.random() < 0.5 else np.unravel_index(random.integers(leaf.size), leaf.shape)
    leaf[where] = magnitude * random.choice([-1.0, 1.0], np.shape(leaf[where]))
    leaves[place] = jnp.asarray(leaf, leaves[place].dtype)
    return treedef.unflatten(leaves)


def all_finite(tree: Any) -> bool:
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return all(np.isfinite(np.asarray(leaf, np.float64)).all() for leaf in leaves)


def fits_float32(tx: GradientTransformation, sequence: list[Any]) -> bool:
    """Whether the last updates, computed in float64, are in the range of float32: a product may not be."""
    with jax.enable_x64(True):
        params = make_params(jnp.float64)
        state = tx.init(params)
        for gradients in sequence:
            wide = jax.tree.map(
                lambda g: g.astype(float) if jnp.issubdtype(g.dtype, jnp.inexact) else g, gradients
            )
            updates, state = one_by_one(tx, wide, state, params)
        return all_finite(
            jax.tree.map(
                lambda u: u.astype(jnp.float32) if jnp.issubdtype(u.dtype, jnp.inexact) else u, updates
            )
        )


@pytest.mark.exhaustive
@every_case_and_dtype
def test_a_finite_gradient_of_any_magnitude_makes_finite_updates(name: str, dtype: Any) -> None:
    """Before and after it, the gradients are ordinary; all of a leaf has the magnitude, or one element."""
    params = make_params(dtype)
    update, _ = compiled(name, dtype)
    random = np.random.default_rng(sum(map(ord, name)))
    for magnitude in (1e30, 1.9e19, 1e-30, *10 ** random.uniform(-38, 30, 3)):
        sequence = [make_gradients(params, index) for index in range(6)]
        sequence[1] = with_spike(sequence[1], random, magnitude)
        state = CASES[name].init(params)
        for index, gradients in enumerate(sequence):
            updates, state = update(gradients, state, params)
            if not all_finite((updates, state)):
                assert not fits_float32(CASES[name], sequence[: index + 1]), (magnitude, index)
                break


def is_elementwise(tx: GradientTransformation) -> bool:
    """Whether each element of an update depends on its own place alone, as the classes declare."""
    return all(part._elementwise for part in all_in(tx))


@pytest.mark.parametrize("name", [name for name, tx in CASES.items() if is_elementwise(tx)])
@pytest.mark.parametrize("magnitude", [1e3, 1.9e19, 1e30])
def test_a_spike_in_one_element_leaves_every_other_as_it_is(name: str, magnitude: float) -> None:
    tx, params, place = CASES[name], make_matrix_and_vector(jnp.float32), (2, 1)
    update = jax.jit(lambda *arguments: step(tx, *arguments))
    state = clean = tx.init(params)
    for index in range(6):
        gradients = make_gradients(params, index)
        expected, clean = update(gradients, clean, params)
        if index == 1:
            gradients["kernel"] = gradients["kernel"].at[place].set(magnitude)
        updates, state = update(gradients, state, params)
        pairs = zip(jax.tree.leaves((updates, state)), jax.tree.leaves((expected, clean)), strict=True)
        for got, want in pairs:
            others = np.ones(got.shape, bool)
            if got.shape == params["kernel"].shape:
                others[place] = False
            np.testing.assert_array_equal(np.asarray(got)[others], np.asarray(want)[others])

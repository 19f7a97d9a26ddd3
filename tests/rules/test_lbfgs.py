"""The direction of L-BFGS against the matrix that it stands for, in double precision."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import apply_updates, chain, scale_by_lbfgs, scale_by_learning_rate
from gradtx.rules._lbfgs import _compiled_step
from tests.trajectories import (
    DTYPES,
    gradients,
    in_precision_of,
    parameters,
    rate,
    reference_updates,
    relative_error,
    trajectory,
)

MEMORY = 3

# Each update subtracts gradients, divides by s'y and multiplies by 2 m matrices: 1e2 roundings of numbers
# whose terms cancel to a tenth. A pair that is in the wrong place changes the first digit.
TOLERANCE = {"float32": 1e-4, "complex64": 1e-4, "float64": 1e-12}


def vector(tree: Any) -> Any:
    """A tree as one vector over the real numbers."""
    parts = [np.ravel(leaf) for leaf in tree.values()]
    return np.concatenate([np.ravel(np.stack([part.real, part.imag], -1)) for part in parts])


def as_tree(x: Any, like: Any) -> Any:
    places = np.cumsum([2 * leaf.size for leaf in like.values()])[:-1]
    pairs = [part.reshape(-1, 2) for part in np.split(x, places)]
    values = [
        pair[:, 0] + 1j * pair[:, 1] if np.iscomplexobj(leaf) else pair[:, 0]
        for pair, leaf in zip(pairs, like.values(), strict=True)
    ]
    return {name: value.reshape(leaf.shape) for (name, leaf), value in zip(like.items(), values, strict=True)}


def nocedal_and_wright(scaled: bool = True) -> Any:
    """Nocedal and Wright (2006), equations 7.16, 7.17 and 7.20, with the matrix itself."""

    def rule(theta: Any, steps: list[Any]) -> Iterator[Any]:
        pairs: list[Any] = []
        x, last = vector(theta), None
        for t, gradient in enumerate(steps):
            g = vector(gradient)
            if last is not None:
                s, y = x - last[0], g - last[1]
                pairs = [*pairs, (s, y) if s @ y > 0 else None][-MEMORY:]
            kept = [pair for pair in pairs if pair is not None]
            gamma = min(1.0, 1.0 / np.linalg.norm(g))
            if kept:
                s, y = kept[-1]
                gamma = s @ y / (y @ y)
            h = (gamma if scaled else 1.0) * np.eye(len(x))
            for s, y in kept:
                v = np.eye(len(x)) - np.outer(y, s) / (s @ y)
                h = v.T @ h @ v + np.outer(s, s) / (s @ y)
            last = x, g
            x = x - rate(t) * h @ g
            yield as_tree(x, theta)

    return rule


@pytest.mark.parametrize("scaled", [True, False])
@DTYPES
def test_scale_by_lbfgs(dtype: str, scaled: bool) -> None:
    """Half of the pairs of random gradients have no positive curvature, and stay out."""
    tx = chain(scale_by_lbfgs(MEMORY, scaled), scale_by_learning_rate(rate))
    params, steps = parameters(dtype), gradients(dtype, 12)
    with in_precision_of(dtype):
        updates, _, _ = trajectory(tx, params, steps)
    expected = reference_updates(nocedal_and_wright(scaled), params, steps)
    assert relative_error(updates, expected) < TOLERANCE[dtype]


CURVATURES = np.geomspace(0.5, 50.0, 12).reshape(3, 4).astype("float32")


def descend(tx: Any, steps: int, dtype: str = "float32") -> tuple[Any, Any]:
    """The parameters and the state after steps down a quadratic function."""
    params = {"x": jnp.ones((3, 4), dtype)}
    tx = chain(tx, scale_by_learning_rate(1.0))
    state = tx.init(params)
    for _ in range(steps):
        slopes = {"x": (CURVATURES * params["x"]).astype(dtype)}
        updates, state = tx.update(slopes, state, params)
        params = apply_updates(params, updates)
    return params["x"], state[0]


@pytest.mark.parametrize("stored", ["bfloat16", "float16", None])
def test_the_history_has_its_dtype_and_the_same_use(stored: str | None) -> None:
    tx = scale_by_lbfgs(history_dtype=stored)
    x, state = descend(tx, 30)
    assert (
        state.diff_params_memory["x"].dtype == state.diff_updates_memory["x"].dtype == (stored or "float32")
    )
    assert state.params["x"].dtype == state.updates["x"].dtype == jnp.float32
    assert float(jnp.max(jnp.abs(x))) < 0.01
    x, _ = descend(scale_by_lbfgs(1), 30)
    assert float(jnp.max(jnp.abs(x))) > 0.02  # one pair does not know the curvatures


def test_a_pair_counts_as_it_is_stored() -> None:
    """The weight belongs to the rounded differences: the newest secant equation holds for them."""
    _, state = descend(scale_by_lbfgs(history_dtype="bfloat16"), 3)
    s, y = (
        np.asarray(memory["x"][1], float) for memory in (state.diff_params_memory, state.diff_updates_memory)
    )
    np.testing.assert_allclose(float(state.weights_memory[1]), 1 / np.sum(s * y), rtol=1e-6)


def test_a_gradient_that_is_not_finite_shows_once() -> None:
    tx, x = scale_by_lbfgs(), jnp.ones(3)
    state = tx.init(x)
    finite = []
    for gradient in (jnp.ones(3), jnp.array([1.0, jnp.nan, 1.0]), jnp.ones(3), 2 * jnp.ones(3)):
        updates, state = tx.update(gradient, state, x)
        finite.append(bool(jnp.all(jnp.isfinite(updates))))
        x = x + 0.1
    assert finite == [True, False, True, True]
    assert all(np.all(np.isfinite(memory)) for memory in state[3:])
    np.testing.assert_array_equal(np.asarray(state.weights_memory) > 0, [False, False, True] + [False] * 7)


def test_outside_of_jit_all_steps_are_one_program() -> None:
    before = _compiled_step._cache_size()
    descend(scale_by_lbfgs(7), 10)
    assert _compiled_step._cache_size() == before + 1

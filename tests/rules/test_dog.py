"""DoG and DoWG against their papers, in double precision; and that their steps find their size."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import dog, dowg, scale_by_dog, scale_by_dowg
from tests.rules.test_prodigy import drifting, factor
from tests.trajectories import (
    TOLERANCE,
    in_precision_of,
    parameters,
    reference_updates,
    relative_error,
    trajectory,
)

DECAY, MASK = 0.1, {"matrix": True, "scalar": False}


def norm(tree: dict[str, Any]) -> Any:
    return np.sqrt(sum(np.sum(np.abs(x) ** 2) for x in tree.values()))


def with_penalty(g: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    return {name: g[name] + MASK[name] * DECAY * p for name, p in params.items()}


def distance(params: dict[str, Any], start: dict[str, Any]) -> Any:
    return norm({name: p - start[name] for name, p in params.items()})


def ivgi(kind: str, first: float, eps: float) -> Any:
    """Ivgi, Hinder and Carmon (2023), equation 1, with an L2 penalty."""

    def rule(params: dict[str, Any], steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        start, squares = params, 0.0
        longest = {"distance": first, "heuristic": first * (1 + norm(start)), "learning_rate": 0.0}[kind]
        for t, step in enumerate(steps):
            g = with_penalty(step, params)
            longest = max(longest, distance(params, start))
            squares += norm(g) ** 2
            rate = first if kind == "learning_rate" and t == 0 else longest / np.sqrt(squares + eps)
            params = {name: p - factor(t) * rate * g[name] for name, p in params.items()}
            yield params

    return rule


def khaled(first: float, eps: float) -> Any:
    """Khaled, Mishchenko and Jin (2023), algorithm 1, with Optax's epsilon and an L2 penalty."""

    def rule(params: dict[str, Any], steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        start, squares, squared = params, 0.0, first
        for t, step in enumerate(steps):
            g = with_penalty(step, params)
            squared = max(squared, distance(params, start) ** 2)
            squares += squared * norm(g) ** 2
            rate = squared / (np.sqrt(squares) + eps)
            params = {name: p - factor(t) * rate * g[name] for name, p in params.items()}
            yield params

    return rule


OPTIONS = {"learning_rate": factor, "weight_decay": DECAY, "mask": MASK}


@pytest.mark.parametrize("dtype", ["float64", "complex64"])
@pytest.mark.parametrize(
    ("tx", "rule"),
    [
        (dog(init_step=("heuristic", 0.05), eps=0.5, **OPTIONS), ivgi("heuristic", 0.05, 0.5)),
        (dog(init_step=("distance", 0.2), eps=0.5, **OPTIONS), ivgi("distance", 0.2, 0.5)),
        (dog(init_step=("learning_rate", 0.02), eps=0.5, **OPTIONS), ivgi("learning_rate", 0.02, 0.5)),
        (dowg(init_estim_sq_dist=0.05, eps=0.3, **OPTIONS), khaled(0.05, 0.3)),
        (dowg(eps=0.3, **OPTIONS), khaled(0.3, 0.3)),
    ],
    ids=["heuristic", "distance", "learning rate", "dowg", "dowg from eps"],
)
def test_the_papers(tx, rule, dtype):
    start = parameters(dtype)
    steps = drifting(start, dtype)
    with in_precision_of(dtype):
        updates, params, _ = trajectory(tx, start, steps)
    assert relative_error(updates, reference_updates(rule, start, steps)) < TOLERANCE[dtype]
    assert distance(params, start) > 1.0  # more than every first distance


RULES = {
    "dog": scale_by_dog(2.0, eps=0.0, kind="distance"),
    "dowg": scale_by_dowg(4.0, eps=1e-6),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("size", [1e-10, 1.0, 1e18, 1e30])
def test_the_first_step_is_as_long_as_the_first_distance_whatever_the_gradient(name, size):
    """A gradient of 1e-10 is short beside the epsilon of DoWG."""
    tx, params = RULES[name], jnp.zeros(2)
    state = tx.init(params)
    updates, state = tx.update(size * jnp.array([0.6, 0.8]), state, params)
    shortened = size / (size + 0.5e-6) if name == "dowg" else 1.0
    np.testing.assert_allclose(updates, shortened * np.array([1.2, 1.6]), rtol=1e-5)
    for _ in range(10):  # the squares add up to the largest number, and not to infinity
        updates, state = tx.update(size * jnp.array([0.6, 0.8]), state, params)
    assert np.isfinite(jax.tree.leaves((updates, state))[0]).all()
    np.testing.assert_allclose(updates, np.array([0.6, 0.8]) * np.linalg.norm(updates), rtol=1e-5)
    assert 0.1 < np.linalg.norm(updates) < 2.0 or size == 1e-10


@pytest.mark.parametrize("name", RULES)
def test_a_fault_in_one_element_is_seen_everywhere(name):
    tx, params = RULES[name], jnp.zeros(2)
    updates, _ = tx.update(jnp.array([jnp.inf, 1.0]), tx.init(params), params)
    assert np.isnan(updates).all()


@pytest.mark.parametrize("name", RULES)
def test_without_a_gradient_nothing_moves(name):
    tx, params = RULES[name], jnp.ones(2)
    updates, _ = tx.update(jnp.zeros(2), tx.init(params), params)
    np.testing.assert_array_equal(updates, np.zeros(2))


def test_the_first_learning_rate_waits_for_a_gradient():
    """The distance would stay 0 forever."""
    tx, params = scale_by_dog(0.5, kind="learning_rate"), jnp.ones(2)
    _, state = tx.update(jnp.zeros(2), tx.init(params), params)
    updates, state = tx.update(jnp.array([2.0, 4.0]), state, params)
    np.testing.assert_allclose(updates, [1.0, 2.0])
    assert not state.is_init_step
    assert state.max_dist == 0


def test_a_parameter_without_a_gradient_does_not_travel():
    """It is not trained here, and another optimizer may have moved it."""
    tx, params = scale_by_dog(2.0, eps=0.0, kind="distance"), {"a": jnp.zeros(2), "b": jnp.zeros(2)}
    moved = params | {"b": jnp.full(2, 100.0)}
    updates, _ = tx.update({"a": jnp.array([3.0, 4.0]), "b": None}, tx.init(params), moved)
    np.testing.assert_allclose(updates["a"], [1.2, 1.6], rtol=1e-6)


def test_the_start_is_kept_in_its_own_dtype_and_the_numbers_in_float32():
    for name, tx in RULES.items():
        state = tx.init(jnp.ones(2, jnp.bfloat16))
        assert state.init_params.dtype == jnp.bfloat16, name
        numbers = {leaf.dtype for leaf in jax.tree.leaves(state) if leaf.ndim == 0}
        assert numbers <= {np.dtype(np.float32), np.dtype(bool)}


@pytest.mark.parametrize("tx", [dog(), dowg()], ids=["dog", "dowg"])
def test_from_a_first_distance_far_too_small_the_quadratic_is_solved(tx):
    target, curvature = jnp.array([1.0, -2.0, 0.5, 3.0]), jnp.array([1.0, 0.5, 2.0, 0.2])

    def step(carry: Any, _: Any) -> Any:
        params, state = carry
        updates, state = tx.update(curvature * (params - target), state, params)
        return (params + updates, state), None

    start = jnp.zeros(4)
    (params, _), _ = jax.lax.scan(step, (start, tx.init(start)), length=2000)
    np.testing.assert_allclose(params, target, atol=1e-2)

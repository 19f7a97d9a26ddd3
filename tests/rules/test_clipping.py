"""Clipping of elements, of leaves and of the whole update, and what becomes of a norm that is not finite."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from gradtx import (
    chain,
    clip,
    clip_by_block_norm,
    clip_by_block_rms,
    clip_by_global_norm,
    scale_by_learning_rate,
)
from tests.trajectories import DTYPES, TOLERANCE, Rule, Tree, distance, gradients, rate

Clipping = Callable[[Tree, float], Tree]


def descending(clipped: Clipping, bound: Any) -> Rule:
    """Gradient descent on clipped gradients, with a bound that may be scheduled."""

    def rule(params: Tree, gradients: list[Tree]) -> Iterator[Tree]:
        for t, g in enumerate(gradients):
            step = clipped(g, bound(t) if callable(bound) else bound)
            params = {name: theta - rate(t) * step[name] for name, theta in params.items()}
            yield params

    return rule


def pascanu(gradient: Tree, threshold: float) -> Tree:
    """Pascanu, Mikolov and Bengio (2013), algorithm 1, on all leaves as one vector."""
    norm = np.linalg.norm(np.concatenate([np.ravel(g) for g in gradient.values()]))
    return {name: threshold / norm * g if norm >= threshold else g for name, g in gradient.items()}


def blockwise_norm(gradient: Tree, threshold: float) -> Tree:
    """The same algorithm on each leaf by itself."""
    return {name: pascanu({name: g}, threshold)[name] for name, g in gradient.items()}


def shazeer_stern(gradient: Tree, d: float) -> Tree:
    """Shazeer and Stern (2018), section 6: U / max(1, RMS(U) / d)."""
    return {name: g / max(1.0, np.sqrt(np.mean(np.abs(g) ** 2)) / d) for name, g in gradient.items()}


def elementwise(gradient: Tree, delta: float) -> Tree:
    """Each magnitude bounded, each phase kept: of a real number that is its sign."""
    return {name: g / np.maximum(1.0, np.abs(g) / delta) for name, g in gradient.items()}


def falling(count: Any) -> Any:
    """A bound that is scheduled, from 5 down."""
    return 50.0 * rate(count)


RULES = [
    (clip, elementwise, 0.9),
    (clip_by_global_norm, pascanu, 4.5),
    (clip_by_block_norm, blockwise_norm, 1.7),
    (clip_by_block_rms, shazeer_stern, 0.9),
]


@DTYPES
@pytest.mark.parametrize(("transformation", "clipped", "bound"), RULES)
def test_clipping(transformation, clipped, bound, dtype):
    """The bound is one that some of the gradients exceed and others do not."""
    changed = [np.any(clipped(g, bound)[name] != g[name]) for g in gradients(dtype) for name in g]
    assert True in changed
    assert False in changed
    tx = chain(transformation(bound), scale_by_learning_rate(rate))
    assert distance(tx, descending(clipped, bound), dtype) < TOLERANCE[dtype]


@pytest.mark.parametrize(("transformation", "clipped", "bound"), RULES)
def test_a_scheduled_bound(transformation, clipped, bound):
    tx = chain(transformation(falling), scale_by_learning_rate(rate))
    assert distance(tx, descending(clipped, falling), "float64") < TOLERANCE["float64"]


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_the_policies_for_a_norm_that_is_not_finite(bad):
    """All of the update becomes NaN, or all of it zero: never a part."""
    updates = {"good": jnp.array([1.0, -2.0]), "bad": jnp.array([0.5, bad])}
    for policy, expected in (("propagate", np.nan), ("zero", 0.0)):
        tx = clip_by_global_norm(1.0, nonfinite=policy)
        clipped, _ = tx.update(updates, tx.init(updates))
        for leaf in clipped.values():
            np.testing.assert_array_equal(leaf, np.full(2, expected, np.float32))


@pytest.mark.parametrize("bad", [np.inf, np.nan])
@pytest.mark.parametrize("tx", [clip_by_block_norm(1.0), clip_by_block_rms(1.0)], ids=repr)
def test_a_leaf_that_is_not_finite_is_nan_and_spares_the_others(tx, bad):
    updates = {"good": jnp.array([0.1, -0.2]), "bad": jnp.array([0.5, bad])}
    clipped, _ = tx.update(updates, tx.init(updates))
    np.testing.assert_array_equal(clipped["good"], updates["good"])
    np.testing.assert_array_equal(clipped["bad"], np.full(2, np.nan, np.float32))


def test_a_finite_policy_leaves_finite_updates_to_the_algorithm():
    tx = chain(clip_by_global_norm(4.5, nonfinite="zero"), scale_by_learning_rate(rate))
    assert distance(tx, descending(pascanu, 4.5), "float64") < TOLERANCE["float64"]
